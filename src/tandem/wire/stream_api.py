"""Streams over HTTP: records of messages commit together with how far their source is read.

    GET   /tandem/streams/{Stream}?Topic=…&Partition=…   several partitions may be named
                                       -> {"Positions": {partition: position or null}}
    POST  /tandem/streams/{Stream}     an Arrow stream with a column "run": each cell is the Arrow
                                       stream of the rows of one run. The schema's metadata holds
                                       the rest as JSON under "tandem.request":
                                       {"Topic": …, "Moves": [{"Partition", "Before", "After"}…],
                                       "Runs": [{"FeatureGroupName", "TargetStores", "Deletes"}…]}
                                       -> {"BadRecords": [{"Run", "Row", "Reason"}…]}; where there
                                       are some, nothing was written

Errors are those of REST with JSON; 409 where a partition is not read as far as "Before" says.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
import pyarrow as pa

from tandem.errors import ConflictError, ResourceNotFound, ValidationError
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.service.feature_groups import FeatureGroups
from tandem.service.streams import Move, Run, StreamBatch, Streams
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect, ErrorCode
from tandem.wire.http import Request, Response
from tandem.wire.operation import Call, Operation, Service
from tandem.wire.rest_json import RestJson
from tandem.wire.tandem_api import arrow_table, decode_json

_THREADS = 4
_PATH = b"/tandem/streams"
_PARTITIONS_MAX = 10_000
_REQUEST_KEY = b"tandem.request"
_RUN = "run"


class StreamCore(Protocol):
    @property
    def groups(self) -> FeatureGroups: ...

    @property
    def streams(self) -> Streams: ...


class _Move(msgspec.Struct, rename="pascal"):
    partition: str
    after: str
    before: str | None = None


class _Run(msgspec.Struct, rename="pascal"):
    feature_group_name: str
    target_stores: list[str] | None = None
    deletes: bool = False


class _Members(msgspec.Struct, rename="pascal"):
    topic: str
    moves: list[_Move]
    runs: list[_Run]


class PositionsRequest(msgspec.Struct):
    stream: str
    topic: str
    partitions: list[str]


class PositionsAnswer(msgspec.Struct, rename="pascal"):
    positions: Mapping[str, str | None]


class CommitRequest(msgspec.Struct):
    batch: Any


class _BadRecord(msgspec.Struct, rename="pascal"):
    run: int
    row: int
    reason: str


class CommitAnswer(msgspec.Struct, rename="pascal"):
    bad_records: list[_BadRecord]


class _Labels(msgspec.Struct, rename="pascal"):
    """What stands in the path."""

    stream: str = ""


class StreamApi:
    """The endpoints as a protocol of their own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(self, core: StreamCore) -> None:
        self._core = core
        # Of their own: a batch waits for its commit.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-streams")
        table: list[tuple[str, str, Callable[[Any], msgspec.Struct]]] = [
            ("StreamPositions", "GET", self._positions),
            ("CommitStreamBatch", "POST", self._commit),
        ]
        service = Service(
            name="tandem-streams",
            dialect=Dialect.RUNTIME,
            operations=[
                Operation(
                    name=name,
                    method=method,
                    path="/tandem/streams/{Stream}",
                    request=_Labels,
                    perform=self._in_thread(work),
                    errors=(ResourceNotFound, ConflictError),
                )
                for name, method, work in table
            ],
        )
        self._rest = RestJson([service])

    def claims(self, request: Request) -> bool:
        return request.raw_path.startswith(_PATH)

    def identify(self, request: Request) -> Call:
        return self._rest.identify(request)

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        stream = call.labels["Stream"]
        if call.operation.method == "POST":
            return CommitRequest(self._batch(stream, request.body))
        given = parse_qs(request.query.decode("latin-1"))
        partitions = given.get("Partition", [])
        if "Topic" not in given or len(partitions) > _PARTITIONS_MAX:
            raise ValidationError(
                f"the query string names one Topic and at most {_PARTITIONS_MAX} Partitions"
            )
        return PositionsRequest(stream, given["Topic"][0], partitions)

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        return self._rest.encode(call, answer, request_id)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    def _batch(self, stream: str, body: bytes) -> StreamBatch:
        envelope = arrow_table(body)
        text = (envelope.schema.metadata or {}).get(_REQUEST_KEY)
        if text is None:
            raise ValidationError('the schema of the runs has no metadata "tandem.request"')
        members: _Members = decode_json(text, _Members)
        cells = _cells(envelope)
        if len(cells) != len(members.runs):
            raise ValidationError(
                f"there are {len(cells)} runs, but {len(members.runs)} are described: send as many"
            )
        return StreamBatch(
            stream=stream,
            topic=members.topic,
            moves=[Move(one.partition, one.before, one.after) for one in members.moves],
            runs=[
                Run(
                    group=feature_group_name(one.feature_group_name, self._core.groups.account),
                    rows=arrow_table(cell).replace_schema_metadata(None),
                    targets=_targets(one.target_stores),
                    deletes=one.deletes,
                )
                for one, cell in zip(members.runs, cells, strict=True)
            ],
        )

    def _positions(self, request: PositionsRequest) -> PositionsAnswer:
        return PositionsAnswer(
            self._core.streams.positions(request.stream, request.topic, request.partitions)
        )

    def _commit(self, request: CommitRequest) -> CommitAnswer:
        bad = self._core.streams.commit(request.batch)
        return CommitAnswer([_BadRecord(*one) for one in bad])

    def _in_thread(self, work: Callable[[Any], msgspec.Struct]) -> Any:
        async def perform(call: Any) -> msgspec.Struct:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, call)

        return perform


def _cells(envelope: pa.Table) -> list[bytes]:
    if envelope.column_names != [_RUN] or envelope.schema.field(_RUN).type not in (
        pa.binary(),
        pa.large_binary(),
    ):
        raise ValidationError(f"the body has one column, {_RUN!r}, of binary cells")
    cells: list[bytes] = envelope.column(_RUN).to_pylist()
    if None in cells:
        raise ValidationError(f"a cell of the column {_RUN!r} is null: send a table of no rows")
    return cells


def _targets(names: list[str] | None) -> TargetStores | None:
    if names is None:
        return None
    targets = TargetStores(0)
    for name in names:
        if name not in TARGET_STORES_BY_NAME:
            raise ValidationError(
                f"TargetStores {name[:64]!r} is not valid: use {list(TARGET_STORES_BY_NAME)}"
            )
        targets |= TARGET_STORES_BY_NAME[name]
    return targets
