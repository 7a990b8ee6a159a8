"""A Kafka that asks who is there: SASL/PLAIN on its only listener, one user."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from support.waiting import wait_until
from weir_operator.fleet import artifacts, broker_files, java
from weir_operator.fleet.broker import HOST
from weir_operator.fleet.ports import free_port

USER, PASSWORD = "weir", "it's a \"p&ss"
_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def secret(password: str = PASSWORD) -> Mapping[str, str]:
    """What a resource's `authentication` names, as Java's clients take it."""
    quoted = password.replace('"', '\\"')
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'{_MODULE} username="{USER}" password="{quoted}";',
    }


def write_secret(directory: Path, name: str, password: str = PASSWORD) -> None:
    """A file for each key, as a laptop has secrets."""
    (directory / name).mkdir(parents=True, exist_ok=True)
    for key, value in secret(password).items():
        (directory / name / key).write_text(value)


@contextmanager
def sasl_broker(directory: Path) -> Iterator[str]:
    """Its bootstrap servers; it ends with the block."""
    port, controller = free_port(), free_port()
    broker_files.write(directory, HOST, port, controller)
    quoted = PASSWORD.replace('"', '\\\\"')
    changed = broker_files.properties(directory, HOST, port, controller) | {
        "listeners": f"SASL://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"SASL://{HOST}:{port}",
        "listener.security.protocol.map": "SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config":
            f'{_MODULE} username="{USER}" password="{quoted}" user_{USER}="{quoted}";',
    }  # fmt: skip
    (directory / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in changed.items()))
    command = broker_files.command(java.java_home(), artifacts.broker_classpath(None), directory, 400)
    with (directory / "broker.log").open("ab") as log:
        formatted = broker_files.format_arguments(directory, "c2FzbC1icm9rZXItdGVzdA")
        subprocess.run([*command, *formatted], stdout=log, stderr=log, check=True, timeout=120)
        process = subprocess.Popen([*command, *broker_files.run_arguments(directory)], stdout=log, stderr=log)
    servers = f"{HOST}:{port}"
    try:
        wait_until(lambda: _answers(process, servers), 120, "the broker answers who it knows", every=0.3)
        yield servers
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait(10)


def client() -> dict[str, str]:
    """The user, as librdkafka has it."""
    return {
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": USER,
        "sasl.password": PASSWORD,
    }  # fmt: skip


def _answers(process: "subprocess.Popen[bytes]", servers: str) -> bool:
    assert process.poll() is None, "the broker has ended"
    try:
        AdminClient({"bootstrap.servers": servers, "log_level": "0", **client()}).list_topics(timeout=3)
    except KafkaException:
        return False
    return True
