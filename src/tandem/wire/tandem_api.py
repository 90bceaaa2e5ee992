"""Tandem's own endpoints: whole tables as Arrow, which AWS's API has no form for.

    GET  /tandem/server           -> {"AccountId": …, "Region": …, "Signatures": required or off}
    POST /tandem/query            {"Statement": "SELECT …", "Dialect": "duckdb"}  -> Arrow stream
    POST /tandem/ingest/{group}   rows as an Arrow stream, a part of an input. In the query string:
                                  TargetStores; OnError, raise or skip; IngestionId, which names the
                                  input, and Start, how many of its rows come before
                                       -> {"Rows": written, "BadRows": [{"Row": n, "Reason": "…"}]}
    GET /tandem/ingest/{group}    how far the input of an IngestionId is in
                                       -> {"Done": rows, "ChunkRows": rows of the part in hand}

Errors are those of REST with JSON. The work is done in threads, beside the event loop.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec
import pyarrow as pa

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.query.base import SqlDialect
from tandem.rows.plain_text import with_plain_text
from tandem.rows.record_table import FAILED_REASON, FAILED_ROW
from tandem.service.feature_groups import FeatureGroups
from tandem.service.ingestion import Ingestion, IngestOptions, OnError
from tandem.service.sql import Sql
from tandem.wire.arns import feature_group_name
from tandem.wire.decoding import why_not_json
from tandem.wire.error_table import Dialect, ErrorCode, SerializationError, UnknownOperation
from tandem.wire.http import ARROW, REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Place, Service
from tandem.wire.rest_json import RestJson

_Answer = TypeVar("_Answer")
_THREADS = 4
_WHOLE_BYTES_MAX = 1 << 20
_PREFIX = b"/tandem/"
_PATHS = (b"/tandem/server", b"/tandem/query", b"/tandem/ingest/")
_INGEST = "/tandem/ingest/{Group}"
_DIGITS_MAX = 16


class TableCore(Protocol):
    """The services that deal in tables."""

    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def sql(self) -> Sql: ...

    @property
    def ingestion(self) -> Ingestion: ...


class ServerRequest(msgspec.Struct):
    """Asks what a client must know before it asks anything else."""


class ServerResponse(msgspec.Struct, rename="pascal"):
    account_id: str
    region: str
    signatures: str


class QueryRequest(msgspec.Struct, rename="pascal"):
    statement: str
    dialect: SqlDialect = SqlDialect.DUCKDB


class IngestRequest(msgspec.Struct):
    """Rows for a group, still as they came; `target` is the path and query they came to."""

    target: str
    group: str
    options: IngestOptions
    stream: bytes


class _BadRow(msgspec.Struct, rename="pascal"):
    row: int
    reason: str


class IngestResponse(msgspec.Struct, rename="pascal"):
    rows: int
    bad_rows: list[_BadRow]


class IngestionRequest(msgspec.Struct):
    group: str
    ingestion_id: str


class IngestionResponse(msgspec.Struct, rename="pascal"):
    done: int
    chunk_rows: int


Load = Callable[[str, bytes], Mapping[str, Any]]
"""Has another process carry out an ingest request: its path and query, and its body. Returns the
answer as JSON has it, or raises the error that it is.
"""


class Table(msgspec.Struct):
    """An answer that is a table."""

    content: Any


class TandemApi:
    """The endpoints as a protocol of their own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(
        self,
        core: TableCore,
        load_elsewhere: Load | None = None,
        *,
        requires_signatures: bool = False,
    ) -> None:
        self._core = core
        self._requires_signatures = requires_signatures
        self._load_elsewhere = load_elsewhere
        self._decoders: Mapping[str, Callable[[Request], msgspec.Struct]] = {
            "Server": lambda _: ServerRequest(),
            "Query": _decode_query,
            "Ingest": self._decode_ingest,
            "DescribeIngestion": self._decode_describe_ingestion,
        }
        self._service = Service(
            name="tandem",
            dialect=Dialect.RUNTIME,
            operations=[
                Operation(
                    name="Server",
                    method="GET",
                    path="/tandem/server",
                    request=ServerRequest,
                    perform=self._server,
                ),
                replace(
                    _operation("Query", "/tandem/query", QueryRequest, self._query),
                    place=Place.QUERIES,
                ),
                _operation("Ingest", _INGEST, IngestRequest, self._ingest),
                _operation(
                    "DescribeIngestion",
                    _INGEST,
                    IngestionRequest,
                    self._describe_ingestion,
                    method="GET",
                ),
            ],
        )
        self._rest = RestJson([])
        # Of their own, so that long queries leave other operations their threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-tables")
        # These wait for another process, which may be long; questions must not wait with them.
        self._load_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-loads")

    def claims(self, request: Request) -> bool:
        return request.raw_path.startswith(_PATHS)

    def identify(self, request: Request) -> Call:
        head, _, tail = request.raw_path.removeprefix(_PREFIX).partition(b"/")
        for operation in self._service.operations:
            literal, _, label = operation.path.encode().removeprefix(_PREFIX).partition(b"/")
            is_path = head == literal and bool(tail) == bool(label) and b"/" not in tail
            if is_path and request.method == operation.method:
                return Call(self._service, operation)
        path = request.raw_path[:256].decode("latin-1")
        raise UnknownOperation(f"{request.method} {path} names no operation of Tandem's own")

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        return self._decoders[call.operation.name](request)

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        if not isinstance(answer, Table):
            return self._rest.encode(call, answer, request_id)
        headers = [("content-type", ARROW), (REQUEST_ID_HEADER, request_id)]
        table = answer.content
        is_small = table.nbytes <= _WHOLE_BYTES_MAX
        body = arrow_bytes(table) if is_small else arrow_stream(table.schema, table.to_batches())
        return Response(200, headers, body)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    def _decode_ingest(self, request: Request) -> IngestRequest:
        given = parse_qs(request.query.decode("latin-1"))
        names = given.get("TargetStores", [])
        targets = TargetStores(0)
        for name in names:
            if name not in TARGET_STORES_BY_NAME:
                raise ValidationError(
                    f"TargetStores {name[:64]!r} is not valid: use {list(TARGET_STORES_BY_NAME)}"
                )
            targets |= TARGET_STORES_BY_NAME[name]
        options = IngestOptions(
            targets=targets if names else None,
            ingestion_id=given.get("IngestionId", [None])[0],
            on_error=_on_error(given.get("OnError", ["raise"])[0]),
            start=_start(given.get("Start", ["0"])[0]),
        )
        target = f"{request.raw_path.decode('latin-1')}?{request.query.decode('latin-1')}"
        return IngestRequest(target, self._group_of(request), options, request.body)

    def _decode_describe_ingestion(self, request: Request) -> IngestionRequest:
        given = parse_qs(request.query.decode("latin-1")).get("IngestionId", [])
        if not given:
            raise ValidationError("IngestionId is missing in the query string")
        return IngestionRequest(self._group_of(request), given[0])

    def _group_of(self, request: Request) -> str:
        segment = unquote(request.raw_path.rpartition(b"/")[2].decode("latin-1"))
        return feature_group_name(segment, self._core.groups.account)

    async def _server(self, request: ServerRequest) -> ServerResponse:
        del request  # it carries nothing
        account = self._core.groups.account
        return ServerResponse(
            account.account_id,
            account.region,
            signatures="required" if self._requires_signatures else "off",
        )

    async def _query(self, request: QueryRequest) -> Table:
        return Table(
            await self._in_thread(self._core.sql.answer, request.statement, request.dialect)
        )

    async def _ingest(self, request: IngestRequest) -> IngestResponse:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._load_threads, self._load, request)

    def _load(self, request: IngestRequest) -> IngestResponse:
        if self._load_elsewhere is not None:
            answer = self._load_elsewhere(request.target, request.stream)
            return msgspec.convert(answer, IngestResponse)
        table = arrow_table(request.stream)
        done = self._core.ingestion.ingest(request.group, table, request.options)
        if done.failed is None:
            return IngestResponse(done.rows, [])
        numbers, reasons = (
            done.failed.column(name).to_pylist() for name in (FAILED_ROW, FAILED_REASON)
        )
        return IngestResponse(done.rows, [*map(_BadRow, numbers, reasons)])

    async def _describe_ingestion(self, request: IngestionRequest) -> IngestionResponse:
        standing = self._core.ingestion.standing
        # Not in the threads of queries, which may be long.
        mark = await asyncio.to_thread(standing, request.group, request.ingestion_id)
        return IngestionResponse(mark.rows, mark.chunk_rows)

    async def _in_thread(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _operation(
    name: str,
    path: str,
    request: type[Any],
    perform: Callable[[Any], Awaitable[msgspec.Struct | None]],
    method: str = "POST",
) -> Operation[Any]:
    return Operation(
        name=name,
        method=method,
        path=path,
        request=request,
        perform=perform,
        errors=(ResourceNotFound,),
    )


def _on_error(text: str) -> OnError:
    try:
        return OnError(text)
    except ValueError:
        known = [one.value for one in OnError]
        raise ValidationError(f"OnError {text[:64]!r} is not valid: use {known}") from None


def _start(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS_MAX):
        raise ValidationError(f"Start {text[:64]!r} is not a number of rows")
    return int(text)


def _decode_query(request: Request) -> QueryRequest:
    query: QueryRequest = decode_json(request.body, QueryRequest)
    return query


def decode_json(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(
            f"the request does not parse: {why_not_json(error, body)}"
        ) from None


def arrow_table(body: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SerializationError(f"the body is not an Arrow stream: {error}") from None
    return with_plain_text(table)


class _Pieces(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        kept = b"".join(self._kept)
        self._kept.clear()
        return kept


def arrow_stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The pieces of an Arrow stream, made as they are taken."""
    pieces = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield pieces.taken()
    yield pieces.taken()


def arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content
