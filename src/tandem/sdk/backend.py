"""What the library needs of a store, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.query.base import SqlDialect
from tandem.sdk.batch_load_control import BatchLoadControl
from tandem.sdk.control_plane import FeatureControl, GroupControl, TagControl
from tandem.sdk.dataset_control import DatasetControl
from tandem.sdk.file_control import FileControl
from tandem.sdk.stream_control import StreamControl
from tandem.sdk.usage_control import UsageControl
from tandem.sdk.vector_control import VectorControl
from tandem.service.ingestion import Ingested, IngestOptions, Progress
from tandem.service.records import DeletionMode, ServedRecord


class Backend(ABC):
    """Records and tables of a store in this process (`embedded`) or behind HTTP (`remote`).

    Its feature groups, their features, tags and files, its training sets, its batch loads, its
    streams, its feature vectors and its usage are seams of their own. Raises `tandem.errors`.
    """

    groups: GroupControl
    features: FeatureControl
    tags: TagControl
    files: FileControl
    datasets: DatasetControl
    streams: StreamControl
    batch_loads: BatchLoadControl
    usage: UsageControl
    vectors: VectorControl

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
    ) -> list[ServedRecord | None]:
        """The newest record of each identifier; with `features`, of these alone."""

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
    def ingest(
        self,
        group_name: str,
        rows: pa.Table | Iterable[pa.Table],
        options: IngestOptions,
        progress: Progress,
    ) -> Ingested:
        """As `tandem.service.ingestion.Ingestion.ingest`."""

    @property
    @abstractmethod
    def buckets(self) -> Path | None:
        """The folder in which the store's own buckets lie; None where it is on another machine."""

    @abstractmethod
    def list_records(self, group_name: str, *, include_soft_deleted: bool = False) -> Iterator[str]:
        """The identifiers of the online records, page by page."""

    @abstractmethod
    def sql(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table: ...

    @abstractmethod
    def close(self) -> None: ...
