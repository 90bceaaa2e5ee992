"""A store behind HTTP: AWS's operations where AWS has them, Tandem's own endpoints for tables.

A request is repeated where the server says that it did nothing (503) or could not be reached. It is
not repeated after a lost answer, since a write that was done would stand in history twice.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import urllib3

from tandem import errors
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.sdk.aws_shapes import create_request, feature_group, feature_values, values_json
from tandem.sdk.backend import Backend
from tandem.service.datasets import TrainingSetRequest
from tandem.service.feature_groups import NewFeatureGroup
from tandem.service.records import DeletionMode

_BATCH_GET_MAX = 100
_RETRY = urllib3.Retry(
    connect=3,
    read=0,
    status=3,
    other=0,
    status_forcelist=[503],
    allowed_methods=None,
    backoff_factor=0.2,
    backoff_jitter=0.2,
    raise_on_status=False,
)
_ONLY_CONNECT = urllib3.Retry(connect=3, read=0, status=0, other=0, backoff_factor=0.2)
_TIMEOUT = urllib3.Timeout(connect=10, read=600)
_ERRORS: Mapping[str, type[errors.TandemError]] = {
    "ValidationError": errors.ValidationError,
    "ValidationException": errors.ValidationError,
    "SerializationException": errors.ValidationError,
    "ResourceNotFound": errors.ResourceNotFound,
    "ResourceInUse": errors.ResourceInUse,
    "ResourceLimitExceeded": errors.ResourceLimitExceeded,
    "ConflictException": errors.ConflictError,
    "AccessForbidden": errors.AccessForbidden,
    "QueryFailed": errors.QueryFailed,
    "ServiceUnavailable": errors.StoreUnavailable,
}


class RemoteBackend(Backend):
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT)

    def create(self, new: NewFeatureGroup) -> FeatureGroup:
        self._control("CreateFeatureGroup", create_request(new))
        return self.describe(new.name)

    def describe(self, name: str) -> FeatureGroup:
        return feature_group(self._control("DescribeFeatureGroup", {"FeatureGroupName": name}))

    def delete(self, name: str) -> None:
        self._control("DeleteFeatureGroup", {"FeatureGroupName": name})

    def names(self) -> list[str]:
        names: list[str] = []
        request: dict[str, Any] = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100}
        while True:
            page = self._control("ListFeatureGroups", request)
            names += [summary["FeatureGroupName"] for summary in page["FeatureGroupSummaries"]]
            if not page.get("NextToken"):
                return names
            request["NextToken"] = page["NextToken"]

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
        self._call("PUT", f"/FeatureGroup/{quote(group_name, safe='')}", _json(body))

    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[tuple[FeatureValue, ...] | None]:
        # The group's own errors come with GetRecord; in a batch they would come once a record.
        if len(identifiers) == 1:
            query = [("RecordIdentifierValueAsString", identifiers[0])]
            query += [("FeatureName", name) for name in features]
            path = f"/FeatureGroup/{quote(group_name, safe='')}?{urlencode(query)}"
            record = json.loads(self._call("GET", path)).get("Record")
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
        answer = json.loads(self._call("POST", "/BatchGetRecord", _json({"Identifiers": [wanted]})))
        for problem in answer["Errors"]:
            raise _error(problem["ErrorCode"], problem["ErrorMessage"])
        return {
            detail["RecordIdentifierValueAsString"]: feature_values(detail["Record"])
            for detail in answer["Records"]
        }

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
        self._call("DELETE", f"/FeatureGroup/{quote(group_name, safe='')}?{urlencode(query)}")

    def ingest(self, group_name: str, table: pa.Table, targets: TargetStores | None) -> int:
        query = urlencode([("TargetStores", name) for name in (targets.names() if targets else [])])
        path = f"/tandem/ingest/{quote(group_name, safe='')}?{query}"
        # One request, since all rows are checked before the first is written; and never repeated,
        # since a 503 may come after the first batches were.
        answer = self._call("POST", path, _arrow_bytes(table), _ARROW, retries=_ONLY_CONNECT)
        rows: int = json.loads(answer)["Rows"]
        return rows

    def sql(self, statement: str) -> pa.Table:
        return _arrow_table(self._call("POST", "/tandem/query", _json({"Statement": statement})))

    def training_set(self, labels: pa.Table, request: TrainingSetRequest) -> pa.Table:
        # The request travels in the schema's metadata, so that the body is one Arrow stream.
        metadata = {
            "Features": request.features,
            "EventTime": request.event_time,
            "Keys": request.keys,
            "AsOf": request.as_of_us,
            "MaxAgeSeconds": request.max_age_seconds,
        }
        described = labels.replace_schema_metadata({"tandem.request": _json(metadata)})
        answer = self._call("POST", "/tandem/training-set", _arrow_bytes(described), _ARROW)
        return _arrow_table(answer)

    def close(self) -> None:
        self._pool.clear()

    def _control(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        answer: dict[str, Any] = json.loads(
            self._call("POST", "/", _json(request), headers) or b"{}"
        )
        return answer

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        retries: urllib3.Retry = _RETRY,
    ) -> bytes:
        sent = headers or ({"Content-Type": "application/json"} if body is not None else {})
        try:
            response = self._pool.request(
                method, self._url + path, body=body, headers=dict(sent), retries=retries
            )
        except urllib3.exceptions.HTTPError as error:
            raise errors.StoreUnavailable(
                f"there is no answer from {self._url}: is the server running? ({error})"
            ) from error
        if response.status >= 400:
            raise _error_of(response)
        return response.data


_ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _arrow_table(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def _error_of(response: urllib3.BaseHTTPResponse) -> errors.TandemError:
    try:
        answer = json.loads(response.data)
    except ValueError:
        answer = {}
    code = response.headers.get("x-amzn-ErrorType") or answer.get("__type") or ""
    message = answer.get("Message") or answer.get("message") or f"HTTP status {response.status}"
    return _error(code.partition(":")[0].rpartition("#")[2], message)


def _error(code: str, message: str) -> errors.TandemError:
    return _ERRORS.get(code, errors.TandemError)(message)
