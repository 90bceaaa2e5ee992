"""A sample feature group, `purchases`, and entries of its log, for the contract suites."""

from collections.abc import Iterable

import pyarrow as pa

from tandem.model.event_time import EventTime
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    TableFormat,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey
from tandem.rows.record_table import check_rows
from tandem.rows.segment import Segment

BOTH_STORES = TargetStores.ONLINE | TargetStores.OFFLINE
NOON = EventTime(1_719_748_800, 0)
"""2024-06-30T12:00:00Z."""


def purchases_group(
    name: str = "purchases",
    *,
    epoch: int = 1_700_000_000,
    table_format: TableFormat = TableFormat.GLUE,
) -> FeatureGroup:
    """A group with an online and an offline store and one feature of each type."""
    group_id = f"{name}-{epoch}"
    return FeatureGroup(
        name=name,
        group_id=group_id,
        record_identifier_name="customer",
        event_time_name="bought_at",
        features=(
            FeatureDefinition("customer", FeatureType.STRING),
            FeatureDefinition("bought_at", FeatureType.STRING),
            FeatureDefinition("amount", FeatureType.FRACTIONAL),
            FeatureDefinition("items", FeatureType.INTEGRAL),
        ),
        created_at_us=epoch * 1_000_000,
        modified_at_us=epoch * 1_000_000,
        online=OnlineStoreConfig(enabled=True),
        offline=OfflineStoreConfig(
            s3_uri="s3://bucket/features",
            resolved_uri=(
                "s3://bucket/features/123456789012/sagemaker/eu-west-1/offline-store"
                f"/{group_id}/data"
            ),
            table_format=table_format,
        ),
        role_arn="arn:aws:iam::123456789012:role/feature-store",
    )


def purchase(
    group: FeatureGroup,
    position: int,
    *,
    customer: str = "c-1",
    event_time: EventTime = NOON,
    amount: str | None = "89.50",
    operation: Operation = Operation.PUT,
    targets: TargetStores = BOTH_STORES,
    partition: int = 0,
    extra: Iterable[FeatureValue] = (),
) -> LogEntry:
    """The entry at `position`. A delete carries the customer and the event time alone."""
    values = [
        FeatureValue("customer", customer),
        FeatureValue("bought_at", event_time.isoformat()),
    ]
    if amount is not None and not operation.is_delete:
        values.append(FeatureValue("amount", amount))
    return LogEntry(
        partition=partition,
        position=position,
        operation=operation,
        key=RecordKey(group.group_id, customer),
        event_time=event_time,
        targets=targets,
        values=(*values, *extra),
        expires_at_ms=None,
        invoked_at_us=1_719_900_000_000_000 + position,
        write_time_us=1_719_900_000_500_000 + position,
    )


def purchases_segment(
    group: FeatureGroup,
    first: int,
    rows: pa.Table,
    *,
    targets: TargetStores = BOTH_STORES,
    ttl_seconds: int | None = None,
    partition: int = 0,
) -> Segment:
    """The segment at positions from `first` on, of rows such as a load would check and write."""
    checked = check_rows(group, rows, stops_at_first=True)
    assert checked.bad_rows == [], checked.bad_rows
    return Segment(
        partition=partition,
        first=first,
        group_id=group.group_id,
        targets=targets,
        rows=checked.table,
        ttl_seconds=ttl_seconds,
        invoked_at_us=1_719_900_000_000_000 + first,
        write_time_us=1_719_900_000_500_000 + first,
    )
