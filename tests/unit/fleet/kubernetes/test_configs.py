"""The file the chart writes: what it must say, and how it is told that it does not."""

from pathlib import Path

import pytest

from weir_operator.fleet.kubernetes import configs

LEAST = "image: i\nbootstrapServers: k:9092\nserviceAccount: s\nstate: {claim: c}\n"


def load(text: str, directory: Path) -> configs.ClusterConfig:
    path = directory / "config.yaml"
    path.write_text(text)
    return configs.load(path)


def test_the_least_it_may_say(tmp_path: Path) -> None:
    found = load(LEAST, tmp_path)
    assert (found.namespaces, found.job_manager.memory, found.pod.run_as_user) == ((), "1Gi", 10001)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "document:", id="empty"),
        pytest.param("a: [", "is no YAML", id="no YAML"),
        pytest.param(LEAST + "imgae: x\n", "imgae:", id="a slip"),
        pytest.param(LEAST.replace("{claim: c}", "{}"), "state: Value error, needs exactly one", id="no state"),
        pytest.param(LEAST.replace("{claim: c}", "{claim: c, uri: 's3://b'}"), "exactly one", id="two states"),
        pytest.param(LEAST.replace("{claim: c}", "{uri: /data}"), "state.uri:", id="a path is no URI"),
        pytest.param(LEAST + "jobManager: {memory: 1G}\n", "jobManager.memory:", id="another unit"),
        pytest.param(LEAST + "pod: {runAsUser: 0}\n", "pod.runAsUser:", id="root"),
        pytest.param(
            LEAST + "pod: {env: [{name: A, value: a, valueFrom: {fieldRef: {}}}]}\n", "not both", id="two values"
        ),
    ],
)
def test_what_it_may_not_say(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(configs.ConfigError, match=told):
        load(text, tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(configs.ConfigError, match="cannot be read: No such file"):
        configs.load(tmp_path / "none")
