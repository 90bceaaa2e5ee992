"""Records and tables of a store behind HTTP: AWS's operations where AWS has them, Tandem's own
endpoints for tables.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa

from tandem.errors import Throttled
from tandem.model.limits import LIST_RECORDS_RESULTS_MAX
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.query.base import SqlDialect
from tandem.sdk.aws_shapes import feature_values, values_json
from tandem.sdk.backend import Backend
from tandem.sdk.http import Http, error_of_code
from tandem.sdk.remote_batch_loads import RemoteBatchLoads
from tandem.sdk.remote_control_plane import RemoteFeatures, RemoteGroups, RemoteTags
from tandem.sdk.remote_datasets import RemoteDatasets
from tandem.sdk.remote_files import RemoteFiles
from tandem.sdk.remote_ingestion import RemoteIngestion
from tandem.sdk.remote_streams import RemoteStreams
from tandem.sdk.remote_usage import RemoteUsage
from tandem.sdk.retries import pauses
from tandem.service.ingestion import Ingested, IngestOptions, Progress
from tandem.service.records import DeletionMode

_BATCH_GET_MAX = 100


class RemoteBackend(Backend):
    def __init__(self, url: str) -> None:
        self._http = Http(url)
        self.groups = RemoteGroups(self._http)
        self.features = RemoteFeatures(self._http)
        self.tags = RemoteTags(self._http)
        self.files = RemoteFiles(self._http)
        self.datasets = RemoteDatasets(self._http)
        self.streams = RemoteStreams(self._http)
        self.batch_loads = RemoteBatchLoads(self._http)
        self.usage = RemoteUsage(self._http)

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
    ) -> list[tuple[FeatureValue, ...] | None]:
        # The group's own errors come with GetRecord; in a batch they would come once a record.
        if len(identifiers) == 1:
            query = [("RecordIdentifierValueAsString", identifiers[0])]
            query += [("FeatureName", name) for name in features]
            path = f"/FeatureGroup/{quote(group_name, safe='')}?{urlencode(query)}"
            record = self._http.json("GET", path).get("Record")
            return [None if record is None else feature_values(record)]
        found: dict[str, tuple[FeatureValue, ...]] = {}
        for start in range(0, len(identifiers), _BATCH_GET_MAX):
            page = list(dict.fromkeys(identifiers[start : start + _BATCH_GET_MAX]))
            found.update(self._batch_get(group_name, page, features))
        return [found.get(identifier) for identifier in identifiers]

    def _batch_get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> dict[str, tuple[FeatureValue, ...]]:
        wanted: dict[str, Any] = {
            "FeatureGroupName": group_name,
            "RecordIdentifiersValueAsString": identifiers,
        }
        if features:
            wanted["FeatureNames"] = features
        left: list[dict[str, Any]] = [wanted]
        found: dict[str, tuple[FeatureValue, ...]] = {}
        for pause in (0.0, *pauses()):
            time.sleep(pause)
            answer = self._http.json(
                "POST", "/BatchGetRecord", {"Identifiers": left}, is_question=True
            )
            for problem in answer["Errors"]:
                raise error_of_code(problem["ErrorCode"], problem["ErrorMessage"])
            for detail in answer["Records"]:
                identifier = detail["RecordIdentifierValueAsString"]
                found[identifier] = feature_values(detail["Record"])
            left = answer["UnprocessedIdentifiers"]
            if not left:
                return found
        raise Throttled(
            f"feature group {group_name!r} has too few read units for {len(identifiers)} records:"
            " try again later, or ask for fewer at a time"
        )

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
