"""Revisions to build objects from; in `tests`, `python -m unit.fleet.kubernetes.revisions` writes the snapshots."""

from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from weir_api.blocks import Resources, Runtime
from weir_api.launchers import RevisionConfig
from weir_api.services import Service
from weir_api.streamjobs import Insert, Program
from weir_operator.fleet.kubernetes.configs import ClusterConfig
from weir_operator.fleet.kubernetes.objects import Deployed, Owner, of_revision
from weir_operator.fleet.kubernetes.service_objects import of_services
from weir_operator.fleet.kubernetes.state_jobs import StateJob, build

SNAPSHOTS = Path(__file__).with_name("snapshots")
OWNER = Owner("orders", "0b8e4c1e-5c5b-4e0c-9a52-000000000001")

VOLUME = ClusterConfig.model_validate(
    {
        "image": "weir-runtime:1",
        "bootstrapServers": "kafka:9092",
        "serviceAccount": "weir-runtime",
        "state": {"claim": "weir-state"},
    }
)
BUCKET = ClusterConfig.model_validate(
    {
        "image": "registry.example/weir-runtime@sha256:0",
        "imagePullPolicy": "Always",
        "imagePullSecrets": ["registry"],
        "bootstrapServers": "kafka:9092",
        "serviceAccount": "pipelines",
        "state": {"uri": "s3://bucket/weir"},
        "jobManager": {"cpu": "1", "memory": "2Gi"},
        "services": {"dispatcher": {"allowedNetworks": ["10.0.0.0/8"]}},
        "pod": {
            "labels": {"team": "payments", "weir.dev/streamjob": "not this one"},
            "annotations": {"sidecar.istio.io/inject": "false"},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "flink", "effect": "NoSchedule"}],
            "env": [
                {"name": "AWS_REGION", "value": "eu-central-1"},
                {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}},
            ],
            "priorityClassName": "important",
            "runAsUser": 20001,
        },
    }
)
PLAIN = Program(
    tables=("CREATE TABLE a (id STRING) WITH ('connector' = 'datagen')",),
    inserts=(Insert(name="all", sql="INSERT INTO b SELECT id FROM a"),),
)
SECRETS = PLAIN.model_copy(
    update={
        "tables": (
            "CREATE TABLE a (id STRING) WITH ('password' = '${secret:kafka-credentials:password}')",
            "CREATE TABLE b (id STRING) WITH ('properties.*' = '${secret:kafka-credentials:*}', "
            "'key' = '${secret:other.keys:key}')",
        )
    }
)


def config(
    program: Program, state: str, work: str, runtime: Runtime | None = None, name: str = "orders"
) -> RevisionConfig:
    return RevisionConfig(
        namespace="shop",
        name=name,
        revision="0123456789",
        program=program,
        runtime=runtime or Runtime(),
        bootstrap_servers="kafka:9092",
        state_directory=state,
        work_directory=work,
    )


CASES = {
    "volume": Deployed(
        VOLUME,
        OWNER,
        config(
            PLAIN, "file:///var/lib/weir/state/shop/orders", "/var/lib/weir/state/shop/orders/work/0123456789/65000000"
        ),
        "65000000",
    ),
    "bucket": Deployed(
        BUCKET,
        OWNER,
        config(
            SECRETS,
            "s3://bucket/weir/state/shop/orders",
            "/run/weir/work/0123456789/65000000",
            Runtime(
                parallelism=4,
                task_managers=2,
                image="own-runtime:7",
                resources=Resources(cpu="500m", memory="2Gi"),
            ),
        ),
        "65000000",
    ),
}
STATE_JOBS = {
    "state-list": StateJob(VOLUME, "shop", "orders", "list", ("file:///var/lib/weir/state/shop/orders",), "u", OWNER),
    "state-clear": StateJob(
        BUCKET, "shop", "orders", "clear", ("s3://bucket/weir/state/shop/orders", "--keep", "s3://bucket/x"), "u"
    ),
}
SERVICES = {
    "services": of_services(
        BUCKET,
        OWNER,
        "shop",
        (
            Service(name="query", program="queries", settings='{"views": ["customers"]}', replicas=2),
            Service(
                name="dispatcher",
                program="dispatcher",
                settings='{"password": "${secret:hooks:token}"}',
                secrets=("hooks", "headers"),
                resources=Resources(cpu="1", memory="1Gi"),
            ),
        ),
    )
}


def snapshots() -> dict[str, str]:
    """What every file in `snapshots` should hold."""
    revisions = {name: list(of_revision(deployed)) for name, deployed in CASES.items()}
    jobs = {name: [build(job)] for name, job in STATE_JOBS.items()}
    services = {name: list(found) for name, found in SERVICES.items()}
    return {name: text(found) for name, found in {**revisions, **jobs, **services}.items()}


def text(documents: list[dict[str, object]]) -> str:
    yaml, out = YAML(), StringIO()
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump_all(documents, out)
    return out.getvalue()


if __name__ == "__main__":
    for case, written in snapshots().items():
        (SNAPSHOTS / f"{case}.yaml").write_text(written)
