"""Records and tables of a store behind HTTP: AWS's operations where AWS has them, Tandem's own
endpoints for tables.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa

from tandem.model.limits import LIST_RECORDS_RESULTS_MAX
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.query.base import SqlDialect
from tandem.sdk.aws_shapes import values_json
from tandem.sdk.backend import Backend
from tandem.sdk.credentials import Credentials
from tandem.sdk.http import Http
from tandem.sdk.remote_batch_loads import RemoteBatchLoads
from tandem.sdk.remote_control_plane import RemoteFeatures, RemoteGroups, RemoteTags
from tandem.sdk.remote_datasets import RemoteDatasets
from tandem.sdk.remote_files import RemoteFiles
from tandem.sdk.remote_ingestion import RemoteIngestion
from tandem.sdk.remote_records import RemoteRecords
from tandem.sdk.remote_streams import RemoteStreams
from tandem.sdk.remote_usage import RemoteUsage
from tandem.sdk.remote_vectors import RemoteVectors
from tandem.service.ingestion import Ingested, IngestOptions, Progress
from tandem.service.records import DeletionMode, ServedRecord


class RemoteBackend(Backend):
    def __init__(
        self, url: str, credentials: Credentials | None = None, *, asks_expiry: bool = False
    ) -> None:
        """With `asks_expiry`, records that are read tell when they expire."""
        self._http = Http(url, credentials=credentials)
        self._records = RemoteRecords(self._http, asks_expiry=asks_expiry)
        self.groups = RemoteGroups(self._http)
        self.features = RemoteFeatures(self._http)
        self.tags = RemoteTags(self._http)
        self.files = RemoteFiles(self._http)
        self.datasets = RemoteDatasets(self._http)
        self.streams = RemoteStreams(self._http)
        self.batch_loads = RemoteBatchLoads(self._http)
        self.usage = RemoteUsage(self._http)
        self.vectors = RemoteVectors(self._http)

    def put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None,
        ttl: TtlDuration | None,
    ) -> None:
        body: dict[str, Any] = {"Record": values_json(values)}
        if targets is not None:
            body["TargetStores"] = targets.names()
        if ttl is not None:
            body["TtlDuration"] = {"Unit": ttl.unit, "Value": ttl.value}
        self._http.json("PUT", f"/FeatureGroup/{quote(group_name, safe='')}", body)

    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[ServedRecord | None]:
        return self._records.get(group_name, identifiers, features)

    def delete_record(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode,
        targets: TargetStores | None,
    ) -> None:
        query = [
            ("RecordIdentifierValueAsString", identifier),
            ("EventTime", event_time),
            ("DeletionMode", mode.value),
        ]
        query += [("TargetStores", name) for name in (targets.names() if targets else [])]
        self._http.json("DELETE", f"/FeatureGroup/{quote(group_name, safe='')}?{urlencode(query)}")

    def ingest(
        self,
        group_name: str,
        rows: pa.Table | Iterable[pa.Table],
        options: IngestOptions,
        progress: Progress,
    ) -> Ingested:
        group = self.groups.describe(group_name)
        return RemoteIngestion(self._http, group_name, options).run(group, rows, progress)

    @property
    def buckets(self) -> None:
        return None

    def list_records(self, group_name: str, *, include_soft_deleted: bool = False) -> Iterator[str]:
        path = f"/FeatureGroup/{quote(group_name, safe='')}/ListRecords"
        request: dict[str, Any] = {
            "MaxResults": LIST_RECORDS_RESULTS_MAX,
            "IncludeSoftDeletedRecords": include_soft_deleted,
        }
        while True:
            page = self._http.json("POST", path, request, is_question=True)
            yield from page["RecordIdentifiers"]
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def sql(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        request = {"Statement": statement, "Dialect": dialect}
        return self._http.ask_table("/tandem/query", request)

    def close(self) -> None:
        self._http.close()
