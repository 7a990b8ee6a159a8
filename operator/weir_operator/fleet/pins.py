"""Pin the jars anew: `python -m weir_operator.fleet.pins` resolves them and rewrites `artifacts.json`.

For maintainers, after a version below was changed; what it writes is reviewed and tested like code.
"""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import Dependency, MavenContext, PythonResolver

from .artifacts import Artifact, Bundle, repository_url

ROOTS: dict[Bundle, tuple[str, ...]] = {
    "connector": (
        "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
        "com.getindata:flink-http-connector:0.25.0",
        # The newest that is released; of Flink's own it uses what 2.2 still has. Its driver is not among what it needs.
        "org.apache.flink:flink-connector-jdbc-postgres:4.0.0-2.0",
        "org.postgresql:postgresql:42.7.14",
    ),
    # Not released for every patch of Flink; a plugin with a class loader of its own, so that of the minor version fits.
    "s3": ("org.apache.flink:flink-s3-fs-hadoop:2.2.0",),
    # The broker's own classpath has no logging backend; log4j's must be of its log4j-core's version.
    "broker": ("org.apache.kafka:kafka_2.13:4.1.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"),
}

# What is on Flink's own classpath: a second version of it would be the one that is not found when it matters.
PROVIDED = frozenset({("org.slf4j", "slf4j-api"), ("org.apache.flink", "flink-connector-base")})


def resolve(roots: tuple[str, ...], repository: Path, *, in_flink: bool) -> tuple[Artifact, ...]:
    """The roots and everything they need at run time (with `in_flink` beside Flink), each once, in classpath order."""
    context = MavenContext(
        resolver=PythonResolver(), repo_cache=repository, remote_repos={"maven": repository_url()}, timeout=60
    )
    pinned: dict[tuple[str, str], Artifact] = {}
    for root in roots:
        group, name, version = root.split(":")
        dependency = Dependency(context.project(group, name).at_version(version).artifact())
        inputs, transitive = context.resolver.resolve([dependency])
        for found in (*inputs, *transitive):
            if in_flink and (found.groupId, found.artifactId) in PROVIDED:
                continue
            content = found.artifact.resolve().read_bytes()
            pinned[found.groupId, found.artifactId] = Artifact(
                group=found.groupId,
                name=found.artifactId,
                version=found.version,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
    return tuple(pinned.values())


def main() -> None:
    """Rewrite `artifacts.json`, one line a jar, so that a change reads well in review."""
    with TemporaryDirectory() as repository:
        bundles = {
            bundle: resolve(roots, Path(repository), in_flink=bundle != "broker") for bundle, roots in ROOTS.items()
        }
    parts = []
    for bundle, jars in bundles.items():
        lines = ",\n".join(f"  {json.dumps(jar.document())}" for jar in jars)
        parts.append(f" {json.dumps(bundle)}: [\n{lines}\n ]")
    Path(__file__).with_name("artifacts.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
