"""A store in this process: the library straight over the services."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tandem.assembly.backends import history_folder
from tandem.assembly.core import open_core
from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.query.base import SqlDialect
from tandem.sdk.backend import Backend
from tandem.sdk.embedded_batch_loads import EmbeddedBatchLoads
from tandem.sdk.embedded_control_plane import EmbeddedFeatures, EmbeddedGroups, EmbeddedTags
from tandem.sdk.embedded_datasets import EmbeddedDatasets
from tandem.sdk.embedded_files import EmbeddedFiles
from tandem.sdk.embedded_streams import EmbeddedStreams
from tandem.sdk.embedded_usage import EmbeddedUsage
from tandem.sdk.embedded_vectors import EmbeddedVectors
from tandem.service.ingestion import Ingested, IngestOptions, Progress
from tandem.service.records import DeletionMode, ServedRecord


class EmbeddedBackend(Backend):
    def __init__(self, settings: Settings) -> None:
        try:
            self._core, self._give_back = open_core(settings)
        except OSError as error:
            why = error.strerror or error
            raise StoreUnavailable(
                f"the folder {str(settings.data)!r} cannot be used ({why}): name another one"
            ) from error
        self._records = self._core.records
        self.groups = EmbeddedGroups(self._core)
        self.features = EmbeddedFeatures(self._core)
        self.tags = EmbeddedTags(self._core)
        self.files = EmbeddedFiles(self._core)
        self.datasets = EmbeddedDatasets(self._core)
        self.streams = EmbeddedStreams(self._core)
        self.batch_loads = EmbeddedBatchLoads(self._core.batch_loads)
        self.usage = EmbeddedUsage(self._core)
        self.vectors = EmbeddedVectors(self._core)

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
    ) -> list[ServedRecord | None]:
        if len(identifiers) == 1:  # the way of one is shorter
            return [self._records.get(group_name, identifiers[0], features)]
        return self._records.get_many(group_name, identifiers, features)

    def delete_record(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode,
        targets: TargetStores | None,
    ) -> None:
        self._core.records.delete(group_name, identifier, event_time, mode, targets).result()

    def ingest(
        self,
        group_name: str,
        rows: pa.Table | Iterable[pa.Table],
        options: IngestOptions,
        progress: Progress,
    ) -> Ingested:
        return self._core.ingestion.ingest(group_name, rows, options, progress)

    @property
    def buckets(self) -> Path:
        return history_folder(self._core.settings)

    def list_records(self, group_name: str, *, include_soft_deleted: bool = False) -> Iterator[str]:
        after: str | None = None
        while True:
            page = self._core.records.list(
                group_name, after, include_soft_deleted=include_soft_deleted
            )
            yield from page.identifiers
            if page.next_after is None:
                return
            after = page.next_after

    def sql(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        return self._core.sql.answer(statement, dialect)

    def close(self) -> None:
        self._give_back()
