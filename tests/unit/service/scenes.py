"""What the tests of services have in common: a clock, a small feature group, its records."""

from dataclasses import dataclass

import pyarrow as pa

from tandem.assembly.core import Core
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    ThroughputConfig,
)
from tandem.model.record import FeatureValue
from tandem.model.time_to_live import TtlDuration
from tandem.rows.rows import TableRows
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.group_creation import NewFeatureGroup

START_US = 1_700_000_000_000_000


@dataclass
class ManualClock:
    now_us: int = START_US

    def __call__(self) -> int:
        return self.now_us

    def forward(self, seconds: float) -> None:
        self.now_us += round(seconds * 1e6)


def definition(
    name: str = "customers",
    *,
    online: bool = True,
    offline: bool = True,
    storage_type: StorageType | None = None,
    ttl: TtlDuration | None = None,
    throughput: ThroughputConfig | None = None,
) -> NewFeatureGroup:
    return NewFeatureGroup(
        name=name,
        record_identifier_name="id",
        event_time_name="time",
        features=(
            FeatureDefinition("id", FeatureType.STRING),
            FeatureDefinition("time", FeatureType.FRACTIONAL),
            FeatureDefinition("orders", FeatureType.INTEGRAL),
            FeatureDefinition("note", FeatureType.STRING),
        ),
        online=OnlineStoreConfig(True, storage_type, ttl) if online else None,
        offline=OfflineStoreConfig("s3://bucket/prefix/") if offline else None,
        role_arn="arn:aws:iam::123456789012:role/test" if offline else None,
        throughput=throughput or ThroughputConfig(),
    )


def record(identifier: str = "C1", time: float = 1.0, **features: object) -> list[FeatureValue]:
    values = {"id": identifier, "time": repr(time), **features}
    return [FeatureValue(name, str(value)) for name, value in values.items()]


def training_rows(core: Core, labels: pa.Table, request: TrainingSetRequest) -> pa.Table:
    return core.datasets.training_set(TableRows(labels), request).to_table()
