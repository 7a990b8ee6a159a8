"""The jars Weir needs beside its Python packages: fetched from Maven at first use, then kept.

`artifacts.json` lists every file with its SHA-256, so what is fetched is what was tested, whichever mirror it comes
from. `make artifacts` (pins.py) writes that list anew; at run time jgo only fetches, and nothing is resolved.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

from pydantic import TypeAdapter

from weir_api.base import Model

CENTRAL = "https://repo.maven.apache.org/maven2"
Bundle = Literal["connector", "s3", "broker"]
Progress = Callable[[str, int, int], None]
"""Told after each file: its name, how many files are there, how many there will be."""


class ArtifactError(RuntimeError):
    """A jar that can be neither found in the cache nor fetched; names the artifact and the address."""


class Artifact(Model):
    """One jar: its Maven coordinate and what it must contain."""

    group: str
    name: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.name}:{self.version}"

    def matches(self, path: Path) -> bool:
        """Whether the file is there, whole and unchanged."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except (FileNotFoundError, NotADirectoryError):
            return False


def bundles() -> dict[Bundle, tuple[Artifact, ...]]:
    """Every jar of every bundle, as pinned."""
    text = resources.files(__package__).joinpath("artifacts.json").read_bytes()
    return TypeAdapter(dict[Bundle, tuple[Artifact, ...]]).validate_json(text)


def cache_directory() -> Path:
    """`WEIR_CACHE`, else `weir` under the user's cache directory."""
    if own := os.environ.get("WEIR_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weir"


def repository_url(settings: Path | None = None) -> str:
    """Where jars come from: `WEIR_MAVEN_REPOSITORY`, else the mirror of Central in Maven's settings, else Central."""
    if own := os.environ.get("WEIR_MAVEN_REPOSITORY"):
        return own.rstrip("/")
    path = settings or Path.home() / ".m2" / "settings.xml"
    try:
        mirrors = ElementTree.parse(path).iterfind(".//{*}mirrors/{*}mirror")
    except (OSError, ElementTree.ParseError):
        return CENTRAL
    for mirror in mirrors:
        served = {part.strip() for part in mirror.findtext("{*}mirrorOf", "").split(",")}
        url = mirror.findtext("{*}url", "").strip()
        if url and "!central" not in served and served & {"central", "*", "external:*"}:
            return url.rstrip("/")
    return CENTRAL


def connector_jars(progress: Progress | None = None) -> tuple[Path, ...]:
    """Flink's connectors: Kafka, and for look-ups HTTP and PostgreSQL."""
    return fetch("connector", progress)


def broker_classpath(progress: Progress | None = None) -> tuple[Path, ...]:
    """The Kafka broker with everything it runs on."""
    return fetch("broker", progress)


def fetch(bundle: Bundle, progress: Progress | None = None, directory: Path | None = None) -> tuple[Path, ...]:
    """The bundle's jars, from the cache when whole, else fetched; no network is touched when all are there.

    Safe with several processes at once, and after one was killed: a file gets its name only when its content is
    verified. Raises ArtifactError.
    """
    wanted = bundles()[bundle]
    jars = (directory or cache_directory()) / "jars"
    if not _missing(wanted, jars):
        return tuple(jars / artifact.file_name for artifact in wanted)
    with _alone(jars) as staging:
        # Another process may have fetched them while this one waited for its turn.
        missing = _missing(wanted, jars)
        _fetch_all(missing, jars, staging, progress or (lambda *_: None))
    return tuple(jars / artifact.file_name for artifact in wanted)


def _missing(wanted: tuple[Artifact, ...], jars: Path) -> tuple[Artifact, ...]:
    return tuple(artifact for artifact in wanted if not artifact.matches(jars / artifact.file_name))


@contextlib.contextmanager
def _alone(jars: Path) -> Iterator[Path]:
    """Hold the cache's lock (the kernel drops it when the process dies) and give an empty directory to fetch into."""
    staging = jars.parent / "fetching"
    try:
        jars.mkdir(parents=True, exist_ok=True)
        with (jars.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            yield staging
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ArtifactError(f"The cache {jars.parent} cannot be written: {error}. WEIR_CACHE names another.") from error


def _fetch_all(missing: tuple[Artifact, ...], jars: Path, staging: Path, progress: Progress) -> None:
    # Imported here: it takes a fifth of a second, and once all is cached nobody needs it.
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    address = repository_url()
    context = MavenContext(
        resolver=PythonResolver(), repo_cache=staging, local_repos=[], remote_repos={"maven": address}, timeout=30
    )
    # Eight at once: most are small, and what takes long is the way there and back.
    with ThreadPoolExecutor(8) as pool:
        running = {pool.submit(_fetch_one, artifact, jars, context, address): artifact for artifact in missing}
        try:
            for done, future in enumerate(as_completed(running), start=1):
                future.result()
                progress(running[future].file_name, done, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch_one(artifact: Artifact, jars: Path, context: Any, address: str) -> None:
    import requests  # noqa: PLC0415 - as jgo itself

    parts = urlsplit(address)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # a mirror's password is not for messages
    jar = context.project(artifact.group, artifact.name).at_version(artifact.version).artifact()
    fetched: Path | None = None
    failure = ""
    for _ in range(_ATTEMPTS):
        jar.cached_path.unlink(missing_ok=True)  # what a broken attempt left, jgo would take for the file
        try:
            fetched = jar.resolve()
            break
        except requests.RequestException as error:
            failure = f"cannot be fetched from {shown} ({type(error).__name__})"
        except RuntimeError:  # what jgo says to any answer but 200
            failure = f"is not at {shown}"
    # Raised out here, so that nothing holds on to the open connection in jgo's frames.
    if fetched is None:
        raise ArtifactError(f"{artifact.coordinate} {failure}. {_ADVICE}")
    if not artifact.matches(fetched):
        raise ArtifactError(f"{artifact.coordinate} from {shown} is not the file it must be (its SHA-256 differs).")
    fetched.replace(jars / artifact.file_name)


_ATTEMPTS = 3
_ADVICE = (
    "Behind a proxy set HTTPS_PROXY, with an own certificate authority REQUESTS_CA_BUNDLE; "
    "WEIR_MAVEN_REPOSITORY names a mirror."
)
