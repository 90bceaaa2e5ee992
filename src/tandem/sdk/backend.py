"""What the library needs of a store, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pyarrow as pa

from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.service.datasets import TrainingSetRequest
from tandem.service.feature_groups import NewFeatureGroup
from tandem.service.records import DeletionMode


class Backend(ABC):
    """A store in this process (`embedded`) or behind HTTP (`remote`). Raises `tandem.errors`."""

    @abstractmethod
    def create(self, new: NewFeatureGroup) -> FeatureGroup: ...

    @abstractmethod
    def describe(self, name: str) -> FeatureGroup: ...

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def names(self) -> list[str]:
        """The names of all feature groups, sorted."""

    @abstractmethod
    def put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None,
        ttl: TtlDuration | None,
    ) -> None: ...

    @abstractmethod
    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[tuple[FeatureValue, ...] | None]: ...

    @abstractmethod
    def delete_record(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode,
        targets: TargetStores | None,
    ) -> None: ...

    @abstractmethod
    def ingest(self, group_name: str, table: pa.Table, targets: TargetStores | None) -> int: ...

    @abstractmethod
    def sql(self, statement: str) -> pa.Table: ...

    @abstractmethod
    def training_set(self, labels: pa.Table, request: TrainingSetRequest) -> pa.Table: ...

    @abstractmethod
    def close(self) -> None: ...
