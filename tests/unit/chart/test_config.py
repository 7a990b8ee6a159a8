"""The ClusterConfig the chart writes is one the operator takes, with what the values say."""

from pathlib import Path

import pytest

from weir_operator.fleet.kubernetes import configs

from .rendering import cases, documents, of_kind, rendered


def written(case: str, directory: Path, *further: str) -> configs.ClusterConfig:
    found = [document["data"] for document in of_kind(documents(rendered(case, *further)), "ConfigMap")]
    (text,) = [data["config.yaml"] for data in found if "config.yaml" in data]
    path = directory / "config.yaml"
    path.write_text(text)
    return configs.load(path)


@pytest.mark.parametrize("case", cases())
def test_the_operator_takes_it(case: str, tmp_path: Path) -> None:
    config = written(case, tmp_path)

    assert config.image.startswith(("weir-runtime:", "registry.example/weir-runtime@sha256:"))
    assert (config.state.claim is None) == (config.state.uri is not None)


def test_values_arrive(tmp_path: Path) -> None:
    config = written("full", tmp_path)

    assert config.bootstrap_servers == "kafka-0:9092,kafka-1:9092"
    assert config.image_pull_secrets == ("registry",)
    assert config.service_account == "pipelines"
    assert config.state.uri == "s3://bucket/weir"
    assert (config.job_manager.cpu, config.job_manager.memory) == ("1", "2Gi")
    assert config.pod.priority_class_name == "important"
    assert config.pod.run_as_user == 20001
    assert config.pod.tolerations[0].key == "dedicated"


def test_keys_of_the_object_store_come_by_reference(tmp_path: Path) -> None:
    sources = {variable.name: variable.value_from for variable in written("full", tmp_path).pod.env}

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert sources[key] == {"secretKeyRef": {"name": "object-store", "key": key}}


def test_watched_namespaces_are_the_operators_too(tmp_path: Path) -> None:
    config = written("namespaced", tmp_path)

    assert config.namespaces == ("orders", "shipping")
    assert config.state.claim == "shared-state"
    assert config.service_account == "weir-runtime"
