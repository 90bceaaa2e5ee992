"""Batch loads over HTTP: started, listed, described, cancelled; and the rows that they leave out.

    POST /tandem/batch-loads                       {"FeatureGroupName": …, "Location": …, …}
    GET  /tandem/batch-loads                       the newest first; in the query string:
                                                   FeatureGroupName, Status, MaxResults, NextToken
    GET  /tandem/batch-loads/{id}
    POST /tandem/batch-loads/{id}/cancel
    GET  /tandem/batch-loads/{id}/failed-rows      -> Arrow stream, as the file has them

Errors are those of REST with JSON. The work is done in threads, beside the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from tandem.errors import ConflictError, ResourceLimitExceeded, ResourceNotFound, ValidationError
from tandem.model import batch_load as model
from tandem.rows.record_table import FAILED_FILE, FAILED_REASON, FAILED_ROW
from tandem.service.batch_loads.batch_loads import BatchLoads
from tandem.service.batch_loads.documents import position
from tandem.service.batch_loads.request import NewBatchLoad
from tandem.service.feature_groups import FeatureGroups
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect, ErrorCode
from tandem.wire.http import ARROW, REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.rest_json import RestJson
from tandem.wire.shapes import batch_loads as shapes
from tandem.wire.tandem_api import Table, arrow_bytes

_THREADS = 4
_PATH = b"/tandem/batch-loads"
_RESULTS_MAX = 100
_NO_ROWS = pa.schema(
    [(FAILED_ROW, pa.int64()), (FAILED_REASON, pa.string()), (FAILED_FILE, pa.string())]
)


StartElsewhere = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Has another process take a load on: gets the request and returns the answer as JSON has them, or
raises the error that it is.
"""


class BatchLoadCore(Protocol):
    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def batch_loads(self) -> BatchLoads: ...


class BatchLoadApi:
    """The endpoints as a protocol of their own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(
        self,
        core: BatchLoadCore,
        token_key: bytes | None = None,
        start_elsewhere: StartElsewhere | None = None,
    ) -> None:
        self._core = core
        self._start_elsewhere = start_elsewhere
        self._loads = core.batch_loads
        self._tokens = PageTokens(token_key)
        # Of their own, since the listing of a large bucket takes its time.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-batch-load-calls")
        # Whoever looks or cancels must not wait for the process that takes loads on.
        self._start_threads = ThreadPoolExecutor(
            _THREADS, thread_name_prefix="tandem-batch-load-starts"
        )
        every, one = "/tandem/batch-loads", "/tandem/batch-loads/{BatchLoadId}"
        by_id = shapes.BatchLoadRequest
        table: list[tuple[str, str, str, type[Any], Callable[[Any], msgspec.Struct]]] = [
            ("StartBatchLoad", "POST", every, shapes.StartBatchLoadRequest, self._start),
            ("ListBatchLoads", "GET", every, shapes.ListBatchLoadsRequest, self._list),
            ("DescribeBatchLoad", "GET", one, by_id, self._describe),
            ("CancelBatchLoad", "POST", f"{one}/cancel", by_id, self._cancel),
            ("GetFailedRows", "GET", f"{one}/failed-rows", by_id, self._failed_rows),
        ]
        members = ("FeatureGroupName", "Status", "MaxResults", "NextToken")
        service = Service(
            name="tandem-batch-loads",
            dialect=Dialect.RUNTIME,
            operations=[
                Operation(
                    name=name,
                    method=method,
                    path=path,
                    request=request,
                    query={one: one for one in members} if name == "ListBatchLoads" else {},
                    perform=_in_thread(
                        self._start_threads if name == "StartBatchLoad" else self._threads, work
                    ),
                    errors=(ResourceNotFound, ConflictError, ResourceLimitExceeded),
                )
                for name, method, path, request, work in table
            ],
        )
        self._rest = RestJson([service])

    def claims(self, request: Request) -> bool:
        return request.raw_path.startswith(_PATH)

    def identify(self, request: Request) -> Call:
        return self._rest.identify(request)

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        return self._rest.decode(call, request)

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        if not isinstance(answer, Table):
            return self._rest.encode(call, answer, request_id)
        headers = [("content-type", ARROW), (REQUEST_ID_HEADER, request_id)]
        return Response(200, headers, arrow_bytes(answer.content))

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    def _start(self, request: shapes.StartBatchLoadRequest) -> shapes.BatchLoadResponse:
        if self._start_elsewhere is not None:
            answer = self._start_elsewhere(msgspec.to_builtins(request))
            return msgspec.convert(answer, shapes.BatchLoadResponse)
        new = NewBatchLoad(
            group_name=self._group_name(request.feature_group_name),
            location=request.location,
            form=request.format,
            delimiter=request.delimiter,
            target_stores=tuple(request.target_stores or ()),
            on_error=request.on_error,
            ingestion_id=request.ingestion_id,
            failed_rows=request.failed_rows_location,
        )
        return shapes.BatchLoadResponse(_shape(self._loads.start(new)))

    def _list(self, request: shapes.ListBatchLoadsRequest) -> shapes.ListBatchLoadsResponse:
        group = request.feature_group_name
        name = None if group is None else self._group_name(group)
        question = ("ListBatchLoads", name, request.status)
        before = None
        if request.next_token is not None:
            before = tuple(self._tokens.open(question, request.next_token))
        size = _size(request.max_results)
        found = self._loads.page(size + 1, group_name=name, status=request.status, before=before)
        shown = found[:size]
        more = self._tokens.seal(question, position(shown[-1])) if len(found) > size else None
        return shapes.ListBatchLoadsResponse([_shape(load) for load in shown], more)

    def _describe(self, request: shapes.BatchLoadRequest) -> shapes.BatchLoadResponse:
        return shapes.BatchLoadResponse(_shape(self._loads.get(request.batch_load_id)))

    def _cancel(self, request: shapes.BatchLoadRequest) -> shapes.BatchLoadResponse:
        return shapes.BatchLoadResponse(_shape(self._loads.cancel(request.batch_load_id)))

    def _failed_rows(self, request: shapes.BatchLoadRequest) -> Table:
        rows = self._loads.failed_rows(request.batch_load_id)
        return Table(_NO_ROWS.empty_table() if rows is None else rows)

    def _group_name(self, given: str) -> str:
        return feature_group_name(given, self._core.groups.account)


def _in_thread(threads: ThreadPoolExecutor, work: Callable[[Any], msgspec.Struct]) -> Any:
    async def perform(call: Any) -> msgspec.Struct:
        return await asyncio.get_running_loop().run_in_executor(threads, work, call)

    return perform


def _size(text: str | None) -> int:
    if text is None:
        return _RESULTS_MAX
    size = int(text) if text.isascii() and text.isdigit() and len(text) <= len("100") else 0
    if not 1 <= size <= _RESULTS_MAX:
        raise ValidationError(f"MaxResults {text[:64]!r} is not valid: give 1 to {_RESULTS_MAX}")
    return size


def _shape(load: model.BatchLoad) -> shapes.BatchLoad:
    progress = load.progress
    return shapes.BatchLoad(
        batch_load_id=load.batch_load_id,
        feature_group_name=load.group_name,
        location=load.location,
        ingestion_id=load.ingestion_id,
        status=load.status.value,
        target_stores=list(load.target_stores),
        on_error=load.on_error,
        failed_rows_location=load.failed_rows,
        progress=shapes.LoadProgress(
            files_total=progress.files_total,
            bytes_total=progress.bytes_total,
            rows_total=progress.rows_total,
            files_done=progress.files_done,
            bytes_done=progress.bytes_done,
            rows_done=progress.rows_done,
            rows_written=progress.rows_written,
            rows_failed=progress.rows_failed,
        ),
        creation_time=load.created_at_us / 1e6,
        format=load.form,
        delimiter=load.delimiter,
        failure_reason=load.failure_reason,
        start_time=_seconds(load.started_at_us),
        last_progress_time=_seconds(load.progressed_at_us),
        end_time=_seconds(load.ended_at_us),
    )


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
