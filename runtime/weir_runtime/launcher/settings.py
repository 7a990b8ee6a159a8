"""Flink's configuration and the JVM's flags for a revision. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from weir_api.durations import milliseconds
from weir_api.launchers import RevisionConfig

MAX_PARALLELISM_KEY: Final = "pipeline.max-parallelism"
_BESIDE_HEAP: Final = 768
"""Mebibytes that a launcher's processes need beside the heap under load; about 450 were seen in use."""
LOG_CONFIGURATION: Final = Path(__file__).with_name("log4j.properties")

_INVARIANTS: Final = {
    "execution.runtime-mode": "STREAMING",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    # So that what a killed process leaves behind can be started from.
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    # FLINK-35661 (fixed in 2.3): mini-batch aggregation over retracting input loses data.
    "table.exec.mini-batch.enabled": "false",
    # The old revision and a rollback still need what a new one starts from.
    "execution.state-recovery.claim-mode": "NO_CLAIM",
}

_DEFAULTS: Final = {
    MAX_PARALLELISM_KEY: "128",
    "execution.checkpointing.num-retained": "3",
    "execution.checkpointing.unaligned.enabled": "false",
    "execution.checkpointing.storage": "filesystem",
    "execution.checkpointing.tolerable-failed-checkpoints": "3",
    # No operator that SQL makes changes a row it was given: rows need not be copied from one to the next.
    "pipeline.object-reuse": "true",
    # Bounded, about two minutes in all: a poisoned job must end as failed, and a broker's restart must not end it.
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "500 ms",
    "restart-strategy.exponential-delay.max-backoff": "15 s",
    "restart-strategy.exponential-delay.backoff-multiplier": "2.0",
    "restart-strategy.exponential-delay.reset-backoff-threshold": "2 min",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "12",
    # The same input gives the same output wherever it runs.
    "table.local-time-zone": "UTC",
}


def job_settings(config: RevisionConfig) -> dict[str, str]:
    """Settings of the job; a user's own come over the defaults, what exactness rests on comes over the user's own."""
    runtime = config.runtime
    directory = state_uri(config)
    own = {
        "pipeline.name": config.name,
        "parallelism.default": str(runtime.parallelism),
        "execution.checkpointing.interval": f"{milliseconds(runtime.checkpoint_interval)} ms",
        "execution.checkpointing.dir": f"{directory}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{directory}/savepoints",
        "state.backend.type": runtime.state_backend,
        "execution.checkpointing.incremental": "true" if runtime.state_backend == "rocksdb" else "false",
    }
    return {**_DEFAULTS, **runtime.flink_configuration, **config.program.settings, **own, **_INVARIANTS}


def state_uri(config: RevisionConfig) -> str:
    """The state directory as Flink takes it: always with a scheme, never with a slash at the end."""
    directory = config.state_directory
    return (directory if ":/" in directory else Path(directory).absolute().as_uri()).rstrip("/")


def embedded_settings(config: RevisionConfig, temporary: Path) -> dict[str, str]:
    """Settings of the cluster inside a launcher's own JVM: reachable from this machine only, small in memory."""
    return {
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": "0",
        "rest.bind-port": "0",
        "web.submit.enable": "false",
        # Flink answers with what it knew up to 3 s ago: a rollover waits for what it asks.
        "web.refresh-interval": "100",
        "io.tmp.dirs": str(temporary),
        "taskmanager.memory.managed.size": "128m" if config.runtime.state_backend == "rocksdb" else "64m",
        # Network buffers are touched at once, used or not.
        "taskmanager.memory.network.min": f"{max(32, 16 * config.runtime.parallelism)}m",
        "taskmanager.memory.network.max": f"{max(32, 16 * config.runtime.parallelism)}m",
        **config.runtime.flink_configuration,
    }


def jvm_options(config: RevisionConfig, temporary: Path, shipped: Sequence[str]) -> list[str]:
    """Flags for a launcher's own JVM; `shipped` are the module openings Flink's own configuration asks for.

    Heap is two fifths of the memory asked for; code, classes, threads and network buffers need the rest, but not more
    than `_BESIDE_HEAP`.
    """
    memory = config.runtime.resources.mebibytes
    heap = max(192, memory * 2 // 5, memory - _BESIDE_HEAP)
    return [
        f"-Xmx{heap}m",
        f"-Xms{heap * 3 // 4}m",
        # Events live for seconds: in a small young generation they are copied many times and die in the old one.
        f"-Xmn{heap * 3 // 8}m",
        "-XX:SurvivorRatio=4",
        # What outlives two collections is state, and stays for long: no use in copying it fifteen times.
        "-XX:MaxTenuringThreshold=2",
        "-XX:+UseSerialGC",
        "-XX:MaxMetaspaceSize=256m",
        "-XX:ReservedCodeCacheSize=128m",
        "-XX:MaxDirectMemorySize=256m",
        # A Flink that ran out of memory lives on and does nothing: better dead, found, and started again.
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlog4j.configurationFile={LOG_CONFIGURATION}",
        *shipped,
    ]
