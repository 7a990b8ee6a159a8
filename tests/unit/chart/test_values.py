"""The schema of the values takes the defaults and refuses what is none of its values; helm lint finds nothing."""

import pytest

from .rendering import CHART, VALUES, run


def render(*further: str) -> tuple[int, str]:
    answer = run("template", "weir", str(CHART), "--values", str(VALUES / "minimal.yaml"), *further)
    return answer.returncode, answer.stderr


def test_lint_finds_nothing() -> None:
    answer = run("lint", "--strict", str(CHART), "--values", str(VALUES / "minimal.yaml"))

    assert answer.returncode == 0, answer.stdout
    assert "1 chart(s) linted, 0 chart(s) failed" in answer.stdout


def test_the_defaults_fit_the_schema_and_kafka_is_asked_for() -> None:
    answer = run("template", "weir", str(CHART))

    assert answer.returncode != 0
    assert "kafka.bootstrapServers is needed" in answer.stderr
    assert "values don't meet the specifications of the schema" not in answer.stderr


@pytest.mark.parametrize(
    ("value", "path"),
    [
        pytest.param("operator.replica=2", "/operator", id="typo"),
        pytest.param("metrics.serviceMonitor.enable=true", "/metrics/serviceMonitor", id="typo-below"),
        pytest.param("bootstrapServers=kafka:9092", "", id="wrong-place"),
        pytest.param("kafka.bootstrapServers=kafka", "/kafka/bootstrapServers", id="no-port"),
        pytest.param("operator.replicas=-1", "/operator/replicas", id="negative"),
        pytest.param("runtime.jobManager.memory=1024M", "/runtime/jobManager/memory", id="unit"),
        pytest.param("runtime.pod.runAsUser=0", "/runtime/pod/runAsUser", id="root"),
        pytest.param("state.uri=bucket/weir", "/state/uri", id="no-scheme"),
        pytest.param("namespaces.watched={Orders}", "/namespaces/watched/0", id="no-name"),
        pytest.param("images.runtime.digest=latest", "/images/runtime/digest", id="no-digest"),
        pytest.param("runtime.pod.env[0].name=A", "/runtime/pod/env/0", id="env-without-value"),
    ],
)
def test_what_is_no_value_is_refused(value: str, path: str) -> None:
    code, message = render("--set", value)

    assert code != 0
    assert "values don't meet the specifications of the schema" in message
    assert f"'{path}'" in message, message


def test_a_claim_is_not_made_where_a_uri_is_given() -> None:
    answer = run("template", "weir", str(CHART), "--values", str(VALUES / "full.yaml"))

    assert answer.returncode == 0, answer.stderr
    assert "PersistentVolumeClaim" not in answer.stdout
