"""Records and feature vectors as Arrow, for models that take a matrix.

    POST /BatchGetRecord            with the header "Accept: application/vnd.apache.arrow.stream":
                                    AWS's request -> Arrow streams (`tandem.wire.batch_get_record`)
    POST /tandem/batch-get-record   the same request for up to 100,000 records, with or without that
                                    header; what does not fit one answer is in
                                    UnprocessedIdentifiers
    POST /tandem/feature-vectors    entities as an Arrow stream, whose schema's metadata holds the
                                    request as JSON under "tandem.request"
                                        {"Features": ["group:feature"], "Keys": {"group": "column"},
                                         "MaxAgeSeconds": …, "AreIdentifiers": false}
                                    -> Arrow stream: a column of each feature, and behind them, for
                                    each group that the metadata's "Ages" lists, the seconds since
                                    the event times of its records. Members are as those of
                                    /tandem/training-set; with AreIdentifiers, the entities are one
                                    column, which is called as the groups' record identifier is

Errors are those of REST with JSON.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model import limits
from tandem.service.batch_get import BatchGet
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.feature_groups import FeatureGroups
from tandem.service.feature_vectors import FeatureVectors, VectorTable
from tandem.wire.batch_get_record import BatchGetRecord
from tandem.wire.decoding import Decoder
from tandem.wire.error_table import Dialect, ErrorCode, MethodNotAllowed
from tandem.wire.http import REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Service
from tandem.wire.rest_json import RestJson
from tandem.wire.shapes import featurestore_runtime as shapes
from tandem.wire.tandem_api import ARROW, arrow_bytes, arrow_table, decode_json

_BATCH_GET, _LARGE, _VECTORS = (
    b"/BatchGetRecord",
    b"/tandem/batch-get-record",
    b"/tandem/feature-vectors",
)
_REQUEST_KEY = b"tandem.request"
_AGES = "Ages"
_THREADS = 4
_FEW = 128
"""So many records are read without a thread, which would take longer than they do."""


class VectorCore(Protocol):
    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def batch_get(self) -> BatchGet: ...

    @property
    def feature_vectors(self) -> FeatureVectors: ...


class _BatchCall(msgspec.Struct):
    """A request for records, and in which form they are wanted."""

    request: Any
    records_max: int
    is_arrow: bool


class _VectorCall(msgspec.Struct):
    entities: Any
    members: Any


class _Members(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    features: tuple[str, ...] | dict[str, str]
    keys: dict[str, str] | None = None
    max_age_seconds: float | dict[str, float] | None = None
    are_identifiers: bool = False


class _Arrow(msgspec.Struct):
    """An answer that is one Arrow stream or several."""

    content: bytes


class VectorApi:
    """The endpoints as a protocol of their own, before AWS's REST."""

    dialect = Dialect.RUNTIME

    def __init__(self, core: VectorCore) -> None:
        self._vectors = core.feature_vectors
        self._batch_get = BatchGetRecord(core)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-vectors")
        self._rest = RestJson([])
        self._decoders: dict[bytes, Decoder[Any]] = {
            _BATCH_GET: Decoder(shapes.BatchGetRecordRequest),
            _LARGE: Decoder(shapes.LargeBatchGetRecordRequest),
        }
        self._calls = {
            _BATCH_GET: _call("sagemaker-featurestore-runtime", "BatchGetRecord", self._records),
            _LARGE: _call("tandem-vectors", "LargeBatchGetRecord", self._records),
            _VECTORS: _call("tandem-vectors", "FeatureVectors", self._feature_vectors),
        }

    def claims(self, request: Request) -> bool:
        path = request.raw_path
        return path in self._calls and (path != _BATCH_GET or _wants_arrow(request))

    def identify(self, request: Request) -> Call:
        if request.method != "POST":
            path = request.raw_path.decode()
            raise MethodNotAllowed(f"{path} has no operation for {request.method[:16]}: use POST")
        return self._calls[request.raw_path]

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        if call is self._calls[_VECTORS]:
            entities = arrow_table(request.body)
            text = (entities.schema.metadata or {}).get(_REQUEST_KEY)
            if text is None:
                raise ValidationError('the schema of the entities has no metadata "tandem.request"')
            return _VectorCall(entities, decode_json(text, _Members))
        return _BatchCall(
            request=self._decoders[request.raw_path].from_json(request.body),
            records_max=limits.BATCH_GET_IDENTIFIERS_MAX
            if call is self._calls[_BATCH_GET]
            else limits.LARGE_BATCH_RECORDS_MAX,
            is_arrow=_wants_arrow(request),
        )

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        if not isinstance(answer, _Arrow):
            return self._rest.encode(call, answer, request_id)
        return Response(
            200, [("content-type", ARROW), (REQUEST_ID_HEADER, request_id)], answer.content
        )

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    async def _records(self, call: _BatchCall) -> msgspec.Struct:
        few = call.records_max <= _FEW
        return self._answer(call) if few else await self._in_thread(self._answer, call)

    def _answer(self, call: _BatchCall) -> msgspec.Struct:
        if call.is_arrow:
            return _Arrow(self._batch_get.arrow(call.request, call.records_max))
        return self._batch_get.answer(call.request, call.records_max)

    async def _feature_vectors(self, call: _VectorCall) -> _Arrow:
        few = call.entities.num_rows <= _FEW
        return self._vector(call) if few else await self._in_thread(self._vector, call)

    def _vector(self, call: _VectorCall) -> _Arrow:
        members: _Members = call.members
        request = TrainingSetRequest(
            features=members.features,
            keys=members.keys,
            max_age_seconds=members.max_age_seconds,
        )
        found = self._vectors.read(
            call.entities.replace_schema_metadata(None),
            request,
            are_identifiers=members.are_identifiers,
        )
        return _Arrow(arrow_bytes(_one_table(found)))

    async def _in_thread(self, work: Callable[[Any], Any], call: msgspec.Struct) -> Any:
        # Threads of their own, so that what is large leaves other operations theirs.
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, call)


def _call(service: str, name: str, perform: Any) -> Call:
    operation: Operation[Any] = Operation(
        name=name, request=msgspec.Struct, perform=perform, errors=(ResourceNotFound,)
    )
    return Call(Service(name=service, dialect=Dialect.RUNTIME, operations=[operation]), operation)


def _wants_arrow(request: Request) -> bool:
    return ARROW in request.headers.get("accept", "")


def _one_table(found: VectorTable) -> pa.Table:
    fields = [*found.features.schema, *found.ages.schema]
    ages = msgspec.json.encode(found.ages.column_names)
    return pa.Table.from_arrays(
        [*found.features.columns, *found.ages.columns],
        schema=pa.schema(fields, metadata={_AGES: ages}),
    )
