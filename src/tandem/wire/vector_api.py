"""Feature vectors over HTTP: one question about many groups, answered as a table.

    POST /tandem/feature-vectors   entities as an Arrow stream, whose schema's metadata holds the
                                   request as JSON under "tandem.request"
                                       {"Features": ["group:feature"], "Keys": {"group": "column"},
                                        "MaxAgeSeconds": …, "AreIdentifiers": false}
                                                                        -> Arrow stream

The members are as those of /tandem/training-set; with AreIdentifiers, the entities are one column,
which is called as the groups' record identifier is. The answer has a column of each feature, and
behind them, for each group that the metadata's "Ages" lists, the seconds since the event times of
its records. Errors are those of REST with JSON.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from tandem.errors import ResourceNotFound, ValidationError
from tandem.online.base import OnlineStore
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.feature_vectors import FeatureVectors
from tandem.wire.batch_get_record import stream_pieces
from tandem.wire.error_table import Dialect, ErrorCode
from tandem.wire.http import Request, Response
from tandem.wire.operation import ArrowStreams, Call, Operation, Service
from tandem.wire.rest_json import RestJson
from tandem.wire.tandem_api import arrow_table, decode_json

_PATH = "/tandem/feature-vectors"
_REQUEST_KEY = b"tandem.request"
_AGES = "Ages"
_THREADS = 4
_FEW = 128
"""Vectors of so many entities take less time than it takes to have a thread make them, unless they
are read from a remote store.
"""


class VectorCore(Protocol):
    @property
    def online(self) -> OnlineStore: ...

    @property
    def feature_vectors(self) -> FeatureVectors: ...


class _Members(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    features: tuple[str, ...] | dict[str, str]
    keys: dict[str, str] | None = None
    max_age_seconds: float | dict[str, float] | None = None
    are_identifiers: bool = False


class _VectorCall(msgspec.Struct):
    entities: Any
    members: Any


class VectorApi:
    """The endpoint as a protocol of its own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(self, core: VectorCore) -> None:
        self._vectors = core.feature_vectors
        self._at_once_max = -1 if core.online.is_remote else _FEW
        # Of their own, so that what is large leaves other operations their threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-vectors")
        operation = Operation(
            name="FeatureVectors",
            path=_PATH,
            request=_VectorCall,
            perform=self._answer,
            errors=(ResourceNotFound,),
        )
        service = Service(name="tandem-vectors", dialect=Dialect.RUNTIME, operations=[operation])
        self._rest = RestJson([service])

    def claims(self, request: Request) -> bool:
        return request.raw_path == _PATH.encode()

    def identify(self, request: Request) -> Call:
        return self._rest.identify(request)

    def decode(self, call: Call, request: Request) -> msgspec.Struct:  # noqa: ARG002 - there is one
        entities = arrow_table(request.body)
        text = (entities.schema.metadata or {}).get(_REQUEST_KEY)
        if text is None:
            raise ValidationError('the schema of the entities has no metadata "tandem.request"')
        return _VectorCall(entities.replace_schema_metadata(None), decode_json(text, _Members))

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        return self._rest.encode(call, answer, request_id)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    async def _answer(self, call: _VectorCall) -> ArrowStreams:
        if call.entities.num_rows <= self._at_once_max:
            return self._read(call)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, call)

    def _read(self, call: _VectorCall) -> ArrowStreams:
        members: _Members = call.members
        request = TrainingSetRequest(
            features=members.features,
            keys=members.keys,
            max_age_seconds=members.max_age_seconds,
        )
        found = self._vectors.read(call.entities, request, are_identifiers=members.are_identifiers)
        features, ages = found.features, found.ages
        metadata = {_AGES: msgspec.json.encode(ages.column_names)}
        table = pa.table(
            [*features.columns, *ages.columns],
            schema=pa.schema([*features.schema, *ages.schema], metadata=metadata),
        )
        return ArrowStreams(b"".join(stream_pieces(table.schema.serialize(), table.to_batches())))
