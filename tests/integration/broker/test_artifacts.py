"""The jars' cache: filled from a Maven repository over HTTP, shared, broken, repaired."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.waiting import wait_until
from weir_operator.fleet import artifacts, ports

BUNDLE = artifacts.bundles()["broker"]


class Repository(ThreadingHTTPServer):
    """A Maven repository on this machine with the real jars; knows what was asked of it."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Answers, directory=str(root)))
        self.root = root
        self.asked: list[str] = []
        self.stall_after: int | None = None  # bytes of every jar, then nothing more
        self.stalled = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def path(self, artifact: artifacts.Artifact) -> Path:
        folder = self.root / artifact.group.replace(".", "/") / artifact.name / artifact.version
        return folder / artifact.file_name


class _Answers(SimpleHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        if self.path.endswith(".jar"):
            self.server.asked.append(Path(self.path).name)
        super().do_GET()

    def copyfile(self, source: object, outputfile: object) -> None:
        if self.server.stall_after is None:
            super().copyfile(source, outputfile)  # type: ignore[arg-type]
            return
        outputfile.write(source.read(self.server.stall_after))  # type: ignore[attr-defined]
        outputfile.flush()  # type: ignore[attr-defined]
        self.server.stalled.set()
        self.connection.recv(1)  # until the client is gone

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """The real jars behind a real HTTP server, and that server as the place to fetch from."""
    jars = artifacts.broker_classpath()
    with Repository(tmp_path / "repository") as server:
        for artifact, jar in zip(BUNDLE, jars, strict=True):
            server.path(artifact).parent.mkdir(parents=True)
            shutil.copyfile(jar, server.path(artifact))
        monkeypatch.setenv("WEIR_MAVEN_REPOSITORY", server.url)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Fetch = Callable[[], tuple[Path, ...]]


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetch the broker's jars into a cache of this test."""
    return lambda: artifacts.fetch("broker", directory=tmp_path / "cache")


def whole(jars: tuple[Path, ...]) -> bool:
    return all(artifact.matches(jar) for artifact, jar in zip(BUNDLE, jars, strict=True))


def test_fetched_once_then_needs_no_network(repository: Repository, fetch: Fetch, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    artifacts.fetch("broker", lambda _, done, total: told.append((done, total)), tmp_path / "cache")
    repository.shutdown()
    repository.server_close()

    assert whole(fetch())
    assert sorted(repository.asked) == sorted(artifact.file_name for artifact in BUNDLE)
    assert told == [(number, len(BUNDLE)) for number in range(1, len(BUNDLE) + 1)]


def test_what_is_broken_is_fetched_again_and_nothing_else(repository: Repository, fetch: Fetch) -> None:
    jars = fetch()
    repository.asked.clear()
    flipped = bytearray(jars[0].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    jars[0].write_bytes(flipped)
    jars[1].write_bytes(jars[1].read_bytes()[:1000])
    jars[2].unlink()

    assert whole(fetch())
    assert sorted(repository.asked) == sorted(jar.name for jar in jars[:3])


def test_many_at_once_fetch_each_jar_once(repository: Repository, fetch: Fetch) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: fetch(), range(4)))

    assert whole(answers[0])
    assert len(repository.asked) == len(BUNDLE)


def test_killed_in_the_middle_the_next_one_finishes(repository: Repository, fetch: Fetch, tmp_path: Path) -> None:
    repository.stall_after = 1000
    code = "from weir_operator.fleet import artifacts; artifacts.broker_classpath()"
    environment = {**os.environ, "WEIR_CACHE": str(tmp_path / "cache")}
    first = subprocess.Popen([sys.executable, "-c", code], env=environment)
    wait_until(repository.stalled.is_set, 60, "a jar is half fetched")
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    repository.stall_after = None

    assert whole(fetch())


def test_a_jar_that_is_another_is_refused(repository: Repository, fetch: Fetch, tmp_path: Path) -> None:
    repository.path(BUNDLE[0]).write_bytes(b"not Kafka")

    with pytest.raises(artifacts.ArtifactError, match=r"org\.apache\.kafka:kafka_2\.13:4\.1\.1 .*SHA-256 differs"):
        fetch()
    assert not (tmp_path / "cache" / "jars" / BUNDLE[0].file_name).exists()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # jgo leaves an answer that is no jar open
def test_a_jar_that_is_not_there_is_named(repository: Repository, fetch: Fetch) -> None:
    repository.path(BUNDLE[3]).unlink()

    with pytest.raises(artifacts.ArtifactError, match=f"{BUNDLE[3].coordinate} is not at {repository.url}"):
        fetch()


def test_no_network_names_the_address_and_hides_the_password(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"127.0.0.1:{ports.free_port()}"
    monkeypatch.setenv("WEIR_MAVEN_REPOSITORY", f"http://me:secret@{nobody}/maven")

    with pytest.raises(artifacts.ArtifactError, match=f"cannot be fetched from http://{nobody}/maven") as caught:
        fetch()
    assert "secret" not in str(caught.value)


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")

    with pytest.raises(artifacts.ArtifactError, match=r"cache .* cannot be written.*WEIR_CACHE"):
        artifacts.fetch("broker", directory=tmp_path / "cache")


@pytest.mark.parametrize(
    ("served", "taken"),
    [
        pytest.param("central", True, id="central"),
        pytest.param("*", True, id="all"),
        pytest.param("external:*", True, id="all-external"),
        pytest.param("*,!central", False, id="all-but-central"),
        pytest.param("snapshots", False, id="another"),
    ],
)
def test_mavens_settings_name_the_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str, taken: bool
) -> None:
    monkeypatch.delenv("WEIR_MAVEN_REPOSITORY", raising=False)
    settings = tmp_path / "settings.xml"
    settings.write_text(
        '<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors><mirror><id>m</id>'
        f"<mirrorOf>{served}</mirrorOf><url>https://mirror.example/maven/</url></mirror></mirrors></settings>"
    )

    assert artifacts.repository_url(settings) == ("https://mirror.example/maven" if taken else artifacts.CENTRAL)
