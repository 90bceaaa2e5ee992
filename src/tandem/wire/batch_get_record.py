"""BatchGetRecord: many records in one answer, as AWS's JSON or, where that is accepted, as Arrow.

    POST /BatchGetRecord            up to 100 records
    POST /tandem/batch-get-record   the same request for up to 100,000; what does not fit one answer
                                    is in UnprocessedIdentifiers

As Arrow the answer is a stream for each entry of Identifiers, in their order, one behind the other:

    record identifier   string: as it was asked for, a row each, in the order asked
    is found            bool: whether there is a record
    expires at          timestamp[ms, UTC]: where ExpirationTimeResponse is Enabled
    the features        as history has them (Integral int64, Fractional double, String string,
                        collections lists of these), in the order of FeatureNames; null where the
                        record has no value

and the metadata of its schema is FeatureGroupName, and as JSON its part of Errors and of
UnprocessedIdentifiers, as the other form has them. Names of features have no spaces.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import pyarrow as pa
from msgspec import Raw

from tandem.errors import TandemError, ValidationError
from tandem.model import limits
from tandem.model.time_to_live import format_expiry
from tandem.online.online_record import OnlineRecord
from tandem.rows.features_table import feature_columns
from tandem.rows.history_rows import arrow_type
from tandem.rows.kept_by_definition import KeptByDefinition
from tandem.service.batch_get import BatchGet, BatchQuestion, RecordsAsked, RecordsFound
from tandem.service.feature_groups import FeatureGroups
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect, error_code
from tandem.wire.operation import ArrowStreams, Operation, Service
from tandem.wire.reads import Answer, GatheredReads
from tandem.wire.shapes import featurestore_runtime as shapes

_Asked = shapes.BatchGetRecordRequest | shapes.LargeBatchGetRecordRequest
_Entry = shapes.BatchGetRecordIdentifier
_Pairs = Iterable[tuple[_Entry, RecordsFound]]
_Answer = TypeVar("_Answer")
_THREADS = 4
_MOMENT = pa.timestamp("ms", "UTC")
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
"""Of an Arrow stream: a message of no length."""

IDENTIFIER, IS_FOUND, EXPIRES_AT = "record identifier", "is found", "expires at"


class BatchCore(Protocol):
    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def batch_get(self) -> BatchGet: ...


class BatchGetRecord:
    def __init__(self, core: BatchCore) -> None:
        self._batch_get = core.batch_get
        self._account = core.groups.account
        # Of their own, so that large batches leave other operations their threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-batches")

    def in_json(
        self, request: shapes.BatchGetRecordRequest
    ) -> shapes.BatchGetRecordResponse | Awaitable[shapes.BatchGetRecordResponse]:
        return _in_json(request, self._read(request, limits.BATCH_GET_IDENTIFIERS_MAX))

    def in_arrow(
        self, request: shapes.BatchGetRecordRequest
    ) -> ArrowStreams | Awaitable[ArrowStreams]:
        return _in_arrow(request, self._read(request, limits.BATCH_GET_IDENTIFIERS_MAX))

    async def large_in_json(
        self, request: shapes.LargeBatchGetRecordRequest
    ) -> shapes.BatchGetRecordResponse:
        return await self._in_thread(_in_json, request)

    async def large_in_arrow(self, request: shapes.LargeBatchGetRecordRequest) -> ArrowStreams:
        return await self._in_thread(_in_arrow, request)

    async def _in_thread(
        self,
        write: Callable[[_Asked, _Pairs], _Answer],
        request: shapes.LargeBatchGetRecordRequest,
    ) -> _Answer:
        def work() -> _Answer:
            return write(request, self._read(request, limits.LARGE_BATCH_RECORDS_MAX))

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _read(self, request: _Asked, records_max: int) -> _Pairs:
        asked = self._checked(request, records_max)
        return _pairs(request, asked, self._batch_get.read(_readable(asked)))

    def _checked(self, request: _Asked, records_max: int) -> "_Checked":
        """What is asked of each entry, or why it cannot be asked. Raises ValidationError."""
        count = sum(len(one.record_identifiers_value_as_string) for one in request.identifiers)
        if count > records_max:
            raise ValidationError(
                f"Identifiers ask for {count} records; at most {records_max} are allowed in one"
                " call"
            )
        return [self._asked(entry) for entry in request.identifiers]

    def _asked(self, entry: _Entry) -> RecordsAsked | TandemError:
        try:
            name = feature_group_name(entry.feature_group_name, self._account)
        except TandemError as error:
            return error
        identifiers = entry.record_identifiers_value_as_string
        return RecordsAsked(name, identifiers, entry.feature_names or ())


class GatheredBatchGetRecord(BatchGetRecord):
    """The same over a remote store: a batch is read together with what else comes at the time."""

    def __init__(self, core: BatchCore, reads: GatheredReads) -> None:
        super().__init__(core)
        self._reads = reads

    def in_json(
        self, request: shapes.BatchGetRecordRequest
    ) -> Awaitable[shapes.BatchGetRecordResponse]:
        return self._gathered(_in_json, request)

    def in_arrow(self, request: shapes.BatchGetRecordRequest) -> Awaitable[ArrowStreams]:
        return self._gathered(_in_arrow, request)

    def _gathered(
        self,
        write: Callable[[_Asked, _Pairs], _Answer],
        request: shapes.BatchGetRecordRequest,
    ) -> Awaitable[_Answer]:
        asked = self._checked(request, limits.BATCH_GET_IDENTIFIERS_MAX)
        question = self._batch_get.question(_readable(asked))
        records = self._reads.ask(question.keys)
        return self._written(write, request, asked, question, records)

    async def _written(
        self,
        write: Callable[[_Asked, _Pairs], _Answer],
        request: shapes.BatchGetRecordRequest,
        asked: "_Checked",
        question: BatchQuestion,
        records: Awaitable[Answer],
    ) -> _Answer:
        found = self._batch_get.found(question, await records)
        return write(request, _pairs(request, asked, found))


_Checked = Sequence[RecordsAsked | TandemError]


def _readable(asked: _Checked) -> Sequence[RecordsAsked]:
    return [one for one in asked if isinstance(one, RecordsAsked)]


def _pairs(
    request: _Asked, asked: _Checked, found: Iterable[RecordsFound]
) -> Iterator[tuple[_Entry, RecordsFound]]:
    """Each entry with what is there of it; `found` is of those that can be read."""
    left = iter(found)
    for entry, one in zip(request.identifiers, asked, strict=True):
        if isinstance(one, RecordsAsked):
            yield entry, next(left)
        else:
            yield entry, RecordsFound((), [one] * len(entry.record_identifiers_value_as_string))


def _in_json(request: _Asked, pairs: _Pairs) -> shapes.BatchGetRecordResponse:
    answer = shapes.BatchGetRecordResponse(records=[], errors=[], unprocessed_identifiers=[])
    expiry = request.expiration_time_response
    for entry, found in pairs:
        name = entry.feature_group_name
        # Fewer records than identifiers: the rest is for `_unprocessed`.
        each = zip(entry.record_identifiers_value_as_string, found.records, strict=False)
        for identifier, record in each:
            if isinstance(record, OnlineRecord):
                answer.records.append(
                    shapes.BatchGetRecordResultDetail(
                        feature_group_name=name,
                        record_identifier_value_as_string=identifier,
                        record=Raw(found.json_of(record)),
                        expires_at=expires_at(record.expires_at_ms, expiry),
                    )
                )
            elif record is not None:
                answer.errors.append(_error(name, identifier, record))
        answer.unprocessed_identifiers += _unprocessed(entry, found)
    return answer


def _in_arrow(request: _Asked, pairs: _Pairs) -> ArrowStreams:
    shows_expiry = request.expiration_time_response is shapes.ExpirationTimeResponse.ENABLED
    pieces: list[bytes | pa.Buffer] = []
    for entry, found in pairs:
        pieces += _stream(entry, found, shows_expiry=shows_expiry)
    return ArrowStreams(b"".join(pieces))


def stream_pieces(
    schema: pa.Buffer, batches: Sequence[pa.RecordBatch]
) -> Iterator[bytes | pa.Buffer]:
    """Batches without dictionaries as an Arrow stream, behind their schema as it is serialized.
    Arrow's own writer takes thrice as long where they are short.
    """
    yield schema
    yield from (one.serialize() for one in batches)
    yield _STREAM_END


def expires_at(
    expires_at_ms: int | None, wanted: shapes.ExpirationTimeResponse | None
) -> str | None:
    if expires_at_ms is None or wanted is not shapes.ExpirationTimeResponse.ENABLED:
        return None
    return format_expiry(expires_at_ms)


def _stream(
    entry: _Entry, found: RecordsFound, *, shows_expiry: bool
) -> Iterator[bytes | pa.Buffer]:
    records = [one if type(one) is OnlineRecord else None for one in found.records]
    are_all_there = None not in records
    identifiers = entry.record_identifiers_value_as_string[: len(records)]
    columns = [
        pa.array(identifiers, pa.string()),
        pa.repeat(True, len(records))
        if are_all_there
        else pa.array([one is not None for one in records], pa.bool_()),
    ]
    if shows_expiry:
        moments = [None if one is None else one.expires_at_ms for one in records]
        columns.append(pa.array(moments, _MOMENT))
    features_json = [None if one is None else one.features_json for one in records]
    columns += feature_columns(features_json, found.features, found.stored)
    errors = []
    if not are_all_there:
        errors = [
            _error(entry.feature_group_name, identifier, one)
            for identifier, one in zip(identifiers, found.records, strict=True)
            if isinstance(one, TandemError)
        ]
    unprocessed = _unprocessed(entry, found)
    if errors or unprocessed or not found.stored:
        form = _form(entry, found, errors, unprocessed, shows_expiry=shows_expiry)
    else:
        key = entry.feature_group_name, tuple(entry.feature_names or ()), shows_expiry
        form = _forms.get(
            found.stored, key, lambda: _form(entry, found, (), (), shows_expiry=shows_expiry)
        )
    if any(isinstance(one, pa.ChunkedArray) for one in columns):
        batches = pa.table(columns, schema=form.schema).to_batches()
    else:
        batches = [pa.RecordBatch.from_arrays(columns, schema=form.schema)]
    return stream_pieces(form.serialized, batches)


class _Form(NamedTuple):
    """What does not depend on the records of an answer."""

    schema: pa.Schema
    serialized: pa.Buffer


_forms: KeptByDefinition[_Form] = KeptByDefinition()
"""Of answers without errors."""


def _form(
    entry: _Entry,
    found: RecordsFound,
    errors: Sequence[shapes.BatchGetRecordError],
    unprocessed: Sequence[_Entry],
    *,
    shows_expiry: bool,
) -> _Form:
    schema = pa.schema(
        [
            pa.field(IDENTIFIER, pa.string()),
            pa.field(IS_FOUND, pa.bool_()),
            *([pa.field(EXPIRES_AT, _MOMENT)] if shows_expiry else []),
            *(pa.field(feature.name, arrow_type(feature)) for feature in found.features),
        ],
        metadata={
            "FeatureGroupName": entry.feature_group_name.encode(),
            "Errors": msgspec.json.encode(errors),
            "UnprocessedIdentifiers": msgspec.json.encode(unprocessed),
        },
    )
    return _Form(schema, schema.serialize())


def _unprocessed(entry: _Entry, found: RecordsFound) -> Sequence[_Entry]:
    """What of an entry was not read: the answer is full, or the group has no units left."""
    left = entry.record_identifiers_value_as_string[len(found.records) :]
    if not left:
        return ()
    return [
        shapes.BatchGetRecordIdentifier(
            feature_group_name=entry.feature_group_name,
            record_identifiers_value_as_string=left,
            feature_names=entry.feature_names,
        )
    ]


def _error(name: str, identifier: str, error: TandemError) -> shapes.BatchGetRecordError:
    return shapes.BatchGetRecordError(
        feature_group_name=name,
        record_identifier_value_as_string=identifier,
        error_code=error_code(error, Dialect.RUNTIME).code,
        error_message=str(error),
    )


def large_batches_service(core: BatchCore) -> Service:
    handlers = BatchGetRecord(core)
    return Service(
        name="tandem-batches",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="LargeBatchGetRecord",
                path="/tandem/batch-get-record",
                request=shapes.LargeBatchGetRecordRequest,
                perform=handlers.large_in_json,
                as_arrow=handlers.large_in_arrow,
            )
        ],
    )
