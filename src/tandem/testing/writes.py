"""Writes for tests: short ways to say what is done to a record of a small group."""

from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import Operation, RecordKey, Write

BOTH = TargetStores.ONLINE | TargetStores.OFFLINE
FEATURE_ORDER = ("id", "time", "a", "b")


def a_write(
    operation: Operation,
    identifier: str = "k",
    event_seconds: int | None = 0,
    *,
    group_id: str = "group-1",
    targets: TargetStores = BOTH,
    expires_at_ms: int | None = None,
    **features: str,
) -> Write:
    """A write with its identifier and event time among its values, as the services make it."""
    values = [] if operation is Operation.UPDATE else [FeatureValue("id", identifier)]
    if event_seconds is not None:
        values.append(FeatureValue("time", str(event_seconds)))
    if not operation.is_delete:
        values += [FeatureValue(name, features[name]) for name in sorted(features)]
    return Write(
        operation=operation,
        key=RecordKey(group_id, identifier),
        event_time=None if event_seconds is None else EventTime(event_seconds, 0),
        targets=targets,
        values=tuple(values),
        expires_at_ms=expires_at_ms,
        feature_order=FEATURE_ORDER,
        invoked_at_us=7,
    )


def a_put(identifier: str = "k", event_seconds: int = 0, a: str = "1", **given: object) -> Write:
    return a_write(Operation.PUT, identifier, event_seconds, a=a, **given)  # type: ignore[arg-type]
