"""What the embedded broker is told: its properties, its logging, its command line. Nothing here runs anything."""

import re
from pathlib import Path

LOGGING = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: log
      PatternLayout: {pattern: "%d{ISO8601} %p %m (%c{1})%n"}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: log}}
    Logger:
      - {name: kafka.server.KafkaRaftServer, level: INFO}
      - {name: kafka.server.BrokerServer, level: INFO}
"""


def properties(directory: Path, host: str, port: int, controller_port: int) -> dict[str, str]:
    """Kafka's settings for one node that is broker and controller at once, with every reason that is not plain."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(directory / "data"),
        # A misspelt topic must be an error, never a new empty topic.
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        # There is one node to hold a copy.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Fifty partitions each are made for clusters; a laptop pays for them at every start.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        # After a kill the broker waits until its former self is given up; the default of 9 s is for networks.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # Nobody else joins: do not wait for them.
        "group.initial.rebalance.delay.ms": "0",
        # A savepoint holds open transactions; a laptop closed over lunch must not lose what they hold.
        "transaction.max.timeout.ms": "86400000",
        # A transaction its owner left behind hides everything after it from read_committed readers: look often.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # Telemetry of a laptop stays until its directory is removed.
        "log.retention.hours": "-1",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }


def write(directory: Path, host: str, port: int, controller_port: int) -> None:
    """Write `server.properties` and `log4j2.yaml` into the directory."""
    lines = [f"{name}={value}\n" for name, value in properties(directory, host, port, controller_port).items()]
    (directory / "server.properties").write_text("".join(lines))
    (directory / "log4j2.yaml").write_text(LOGGING)


def address(directory: Path) -> tuple[str, int] | None:
    """Host and port in `server.properties`, when there is one."""
    try:
        text = (directory / "server.properties").read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = re.search(r"^advertised\.listeners=PLAINTEXT://(.*):(\d+)$", text, re.MULTILINE)
    return (found.group(1), int(found.group(2))) if found else None


def command(java_home: Path, jars: tuple[Path, ...], directory: Path, heap_megabytes: int) -> list[str]:
    """The JVM and its flags, up to the class to run."""
    return [
        str(java_home / "bin" / "java"),
        f"-Xmx{heap_megabytes}m",
        "-Xms64m",
        "-XX:+UseSerialGC",  # one small heap on few cores: less to start and less to keep
        "-XX:TieredStopAtLevel=1",  # starts 2 s sooner; the broker moves bytes and has little to optimise
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={directory / 'log4j2.yaml'}",
        "-cp",
        ":".join(str(jar) for jar in jars),
    ]


def format_arguments(directory: Path, cluster: str) -> list[str]:
    """Prepare an empty data directory, or one whose preparation was cut short."""
    properties_file = str(directory / "server.properties")
    return ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", properties_file]


def run_arguments(directory: Path) -> list[str]:
    """Run the broker."""
    return ["kafka.Kafka", str(directory / "server.properties")]
