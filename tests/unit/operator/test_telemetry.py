"""What a scrape shows of each resource."""

from datetime import UTC, datetime

from weir_api.statuses import Condition, Records, Status
from weir_operator.cluster.telemetry import Telemetry
from weir_operator.fleet.store import Metadata, OwnerReference, StoredObject

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WHO = {"kind": "Pattern", "namespace": "shop", "name": "carts"}


def stored(kind: str, status: Status, owned: bool = False) -> StoredObject:
    owners = (OwnerReference(kind="Pattern", name="carts", uid="1"),) if owned else ()
    metadata = Metadata(
        name="carts", namespace="shop", uid="2", generation=1, creation_timestamp=NOW, owner_references=owners
    )
    return StoredObject(kind=kind, metadata=metadata, spec={}, status=status)


def test_a_resource_is_shown_once_with_what_its_status_counted() -> None:
    ready = Condition(type="Ready", status="True", reason="Running", observed_generation=1, last_transition_time=NOW)
    counted = Records(in_=10, out=4, dead_lettered=1, lag=7)
    status = Status(phase="Running", conditions=(ready,), records=counted)
    telemetry = Telemetry()
    telemetry.watch(lambda: [stored("Pattern", status), stored("StreamJob", status, owned=True)])

    value = telemetry.registry.get_sample_value
    assert value("weir_resource_ready", {**WHO, "phase": "Running"}) == 1
    told = {
        what: value("weir_resource_records_total", {**WHO, "what": what}) for what in ("in", "out", "dead_lettered")
    }
    assert told == {"in": 10, "out": 4, "dead_lettered": 1}
    assert value("weir_resource_records_total", {**WHO, "what": "late"}) is None, "what is not known is not zero"
    assert value("weir_resource_lag_records", WHO) == 7
    assert value("weir_resource_lag_records", {**WHO, "kind": "StreamJob"}) is None
    assert value("weir_resources", {"kind": "StreamJob", "phase": "Running"}) == 1
