"""Tandem's own endpoints: whole tables as Arrow, which AWS's API has no form for.

    GET  /tandem/server           -> {"AccountId": …, "Region": …}
    POST /tandem/query            {"Statement": "SELECT …", "Dialect": "duckdb"}  -> Arrow stream
    POST /tandem/training-set     labels as an Arrow stream, whose schema's metadata holds the
                                  request as JSON under "tandem.request"   -> Arrow stream
    POST /tandem/ingest/{group}   rows as an Arrow stream; TargetStores in the query string
                                                                      -> {"Rows": n}

Errors are those of REST with JSON. The work is done in threads, beside the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec
import pyarrow as pa

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.query.base import SqlDialect
from tandem.service.datasets import Datasets, TrainingSetRequest
from tandem.service.feature_groups import FeatureGroups
from tandem.service.ingestion import Ingestion
from tandem.service.sql import Sql
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect, ErrorCode, SerializationError, UnknownOperation
from tandem.wire.http import REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Service
from tandem.wire.rest_json import RestJson

_Answer = TypeVar("_Answer")
_THREADS = 4
_PREFIX = b"/tandem/"
_PATHS = (b"/tandem/server", b"/tandem/query", b"/tandem/training-set", b"/tandem/ingest/")
_REQUEST_KEY = b"tandem.request"
_ARROW = "application/vnd.apache.arrow.stream"


class TableCore(Protocol):
    """The services that deal in tables."""

    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def sql(self) -> Sql: ...

    @property
    def datasets(self) -> Datasets: ...

    @property
    def ingestion(self) -> Ingestion: ...


class ServerRequest(msgspec.Struct):
    """Asks what a client must know before it asks anything else."""


class ServerResponse(msgspec.Struct, rename="pascal"):
    account_id: str
    region: str


class QueryRequest(msgspec.Struct, rename="pascal"):
    statement: str
    dialect: SqlDialect = SqlDialect.DUCKDB


class TrainingSet(msgspec.Struct):
    labels: Any
    wanted: TrainingSetRequest


class _TrainingSetMembers(msgspec.Struct, rename="pascal"):
    features: tuple[str, ...]
    event_time: str = "event_time"
    keys: dict[str, str] | None = None
    as_of: int | None = None
    max_age_seconds: float | None = None


class IngestRequest(msgspec.Struct):
    group: str
    table: Any
    targets: TargetStores | None


class IngestResponse(msgspec.Struct, rename="pascal"):
    rows: int


class Table(msgspec.Struct):
    """An answer that is a table."""

    content: Any


class TandemApi:
    """The endpoints as a protocol of their own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(self, core: TableCore) -> None:
        self._core = core
        self._decoders: Mapping[str, Callable[[Request], msgspec.Struct]] = {
            "Server": lambda _: ServerRequest(),
            "Query": _decode_query,
            "TrainingSet": _decode_training_set,
            "Ingest": self._decode_ingest,
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
                _operation("Query", "/tandem/query", QueryRequest, self._query),
                _operation("TrainingSet", "/tandem/training-set", TrainingSet, self._training_set),
                _operation("Ingest", "/tandem/ingest/{Group}", IngestRequest, self._ingest),
            ],
        )
        self._rest = RestJson([])
        # Of their own, so that long queries leave other operations their threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-tables")

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
        headers = [("content-type", _ARROW), (REQUEST_ID_HEADER, request_id)]
        return Response(200, headers, _arrow_bytes(answer.content))

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    def _decode_ingest(self, request: Request) -> IngestRequest:
        names = parse_qs(request.query.decode("latin-1")).get("TargetStores", [])
        targets = TargetStores(0)
        for name in names:
            if name not in TARGET_STORES_BY_NAME:
                raise ValidationError(
                    f"TargetStores {name[:64]!r} is not valid: use {list(TARGET_STORES_BY_NAME)}"
                )
            targets |= TARGET_STORES_BY_NAME[name]
        segment = unquote(request.raw_path.rpartition(b"/")[2].decode("latin-1"))
        group = feature_group_name(segment, self._core.groups.account)
        return IngestRequest(group, _arrow_table(request.body), targets if names else None)

    async def _server(self, request: ServerRequest) -> ServerResponse:
        del request  # it carries nothing
        account = self._core.groups.account
        return ServerResponse(account.account_id, account.region)

    async def _query(self, request: QueryRequest) -> Table:
        return Table(
            await self._in_thread(self._core.sql.answer, request.statement, request.dialect)
        )

    async def _training_set(self, request: TrainingSet) -> Table:
        datasets = self._core.datasets
        return Table(await self._in_thread(datasets.training_set, request.labels, request.wanted))

    async def _ingest(self, request: IngestRequest) -> IngestResponse:
        rows = await self._in_thread(
            self._core.ingestion.ingest, request.group, request.table, request.targets
        )
        return IngestResponse(rows)

    async def _in_thread(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _operation(
    name: str,
    path: str,
    request: type[Any],
    perform: Callable[[Any], Awaitable[msgspec.Struct | None]],
) -> Operation[Any]:
    return Operation(
        name=name, path=path, request=request, perform=perform, errors=(ResourceNotFound,)
    )


def _decode_query(request: Request) -> QueryRequest:
    query: QueryRequest = _decode_json(request.body, QueryRequest)
    return query


def _decode_training_set(request: Request) -> TrainingSet:
    labels = _arrow_table(request.body)
    members = (labels.schema.metadata or {}).get(_REQUEST_KEY)
    if members is None:
        raise ValidationError('the schema of the labels has no metadata "tandem.request"')
    wanted = _decode_json(members, _TrainingSetMembers)
    return TrainingSet(
        labels.replace_schema_metadata(None),
        TrainingSetRequest(
            features=wanted.features,
            event_time=wanted.event_time,
            keys=wanted.keys,
            as_of_us=wanted.as_of,
            max_age_seconds=wanted.max_age_seconds,
        ),
    )


def _decode_json(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(f"the request does not parse: {error}") from None


def _arrow_table(body: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SerializationError(f"the body is not an Arrow stream: {error}") from None
    return table


def _arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content
