"""A store in this process: the library straight over the services."""

from collections.abc import Sequence

import pyarrow as pa

from tandem.assembly.core import open_core
from tandem.assembly.settings import Settings
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.sdk.backend import Backend
from tandem.service.datasets import TrainingSetRequest
from tandem.service.feature_groups import GroupFilter, NewFeatureGroup, SortGroupsBy
from tandem.service.records import DeletionMode


class EmbeddedBackend(Backend):
    def __init__(self, settings: Settings) -> None:
        self._core, self._give_back = open_core(settings)

    def create(self, new: NewFeatureGroup) -> FeatureGroup:
        return self._core.groups.create(new)

    def describe(self, name: str) -> FeatureGroup:
        return self._core.groups.describe(name)

    def delete(self, name: str) -> None:
        self._core.groups.delete(name)

    def names(self) -> list[str]:
        everything = GroupFilter(sort_by=SortGroupsBy.NAME)
        return [group.name for group in self._core.groups.list(everything)]

    def put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None,
        ttl: TtlDuration | None,
    ) -> None:
        self._core.records.put(group_name, values, targets, ttl).result()

    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[tuple[FeatureValue, ...] | None]:
        found = self._core.records.get_many(group_name, identifiers, features)
        return [None if record is None else record.values() for record in found]

    def delete_record(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode,
        targets: TargetStores | None,
    ) -> None:
        self._core.records.delete(group_name, identifier, event_time, mode, targets).result()

    def ingest(self, group_name: str, table: pa.Table, targets: TargetStores | None) -> int:
        return self._core.ingestion.ingest(group_name, table, targets)

    def sql(self, statement: str) -> pa.Table:
        return self._core.queries.sql(statement)

    def training_set(self, labels: pa.Table, request: TrainingSetRequest) -> pa.Table:
        return self._core.datasets.training_set(labels, request)

    def close(self) -> None:
        self._give_back()
