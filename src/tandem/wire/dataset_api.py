"""Training sets over HTTP: made, described, listed, made again, deleted.

    POST   /tandem/training-set            labels as an Arrow stream, whose schema's metadata holds
                                           the request as JSON under "tandem.request"
                                                        -> Arrow stream, sent piece by piece
    POST   /tandem/latest                  entities likewise -> Arrow stream
    GET    /tandem/datasets                -> {"Datasets": […]}, the newest first
    GET    /tandem/datasets/{id}           -> {"Dataset": {…}}, the record as it is stored
    POST   /tandem/datasets/{id}/rebuild   nothing, or the labels as an Arrow stream -> Arrow stream
    DELETE /tandem/datasets/{id}           -> {}

The header "tandem-dataset" of a table names the training set that was recorded. Errors are those of
REST with JSON.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Protocol

import msgspec

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.dataset import Dataset
from tandem.rows.rows import TableRows
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.datasets import Datasets, TrainingSet
from tandem.wire.error_table import Dialect, ErrorCode
from tandem.wire.http import ARROW, REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Place, Service
from tandem.wire.rest_json import RestJson
from tandem.wire.tandem_api import arrow_stream, arrow_table, decode_json

DATASET_HEADER = "tandem-dataset"
_THREADS = 4
_PATHS = (b"/tandem/training-set", b"/tandem/latest", b"/tandem/datasets")
_JOINS = ("TrainingSet", "Latest", "RebuildDataset")
_REQUEST_KEY = b"tandem.request"
_Microseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class DatasetCore(Protocol):
    @property
    def datasets(self) -> Datasets: ...


class _Members(msgspec.Struct, rename="pascal"):
    """A request as JSON. `entities` and `at` are those of the latest values."""

    features: tuple[str, ...] | dict[str, str]
    event_time: str = "event_time"
    keys: dict[str, str] | None = None
    as_of: _Microseconds | None = None
    max_age_seconds: float | dict[str, float] | None = None
    event_times: tuple[int | None, int | None] | dict[str, tuple[int | None, int | None]] | None = (
        None
    )
    record: bool = True
    keep_labels: bool = True
    entities: str | None = None
    at: _Microseconds | None = None

    def request(self) -> TrainingSetRequest:
        return TrainingSetRequest(
            features=self.features,
            event_time=self.event_time,
            keys=self.keys,
            as_of_us=self.as_of,
            max_age_seconds=self.max_age_seconds,
            event_times=self.event_times,
        )


class TrainingSetCall(msgspec.Struct):
    labels: Any
    members: Any


class DatasetCall(msgspec.Struct, rename="pascal"):
    id: str = ""


class RebuildCall(msgspec.Struct):
    id: str
    labels: Any


class DatasetAnswer(msgspec.Struct, rename="pascal"):
    dataset: Dataset


class DatasetsAnswer(msgspec.Struct, rename="pascal"):
    datasets: Sequence[Dataset]


class Nothing(msgspec.Struct):
    """An answer that says nothing."""


class Stream(msgspec.Struct):
    """An answer that is a table, sent piece by piece."""

    rows: Any
    dataset_id: str | None


class DatasetApi:
    """The endpoints as a protocol of their own, beside AWS's."""

    dialect = Dialect.RUNTIME

    def __init__(self, core: DatasetCore) -> None:
        self._datasets = core.datasets
        one = "/tandem/datasets/{Id}"
        table: list[tuple[str, str, str, type[Any], Callable[[Any], msgspec.Struct]]] = [
            ("TrainingSet", "POST", "/tandem/training-set", TrainingSetCall, self._training_set),
            ("Latest", "POST", "/tandem/latest", TrainingSetCall, self._latest),
            ("ListDatasets", "GET", "/tandem/datasets", DatasetCall, self._list),
            ("DescribeDataset", "GET", one, DatasetCall, self._describe),
            ("DeleteDataset", "DELETE", one, DatasetCall, self._delete),
            ("RebuildDataset", "POST", f"{one}/rebuild", DatasetCall, self._rebuild),
        ]
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tandem-datasets")
        service = Service(
            name="tandem-datasets",
            dialect=Dialect.RUNTIME,
            operations=[
                Operation(
                    name=name,
                    method=method,
                    path=path,
                    request=request,
                    perform=self._in_thread(work),
                    errors=(ResourceNotFound,),
                    place=Place.QUERIES if name in _JOINS else Place.HERE,
                )
                for name, method, path, request, work in table
            ],
        )
        self._rest = RestJson([service])

    def claims(self, request: Request) -> bool:
        return request.raw_path.startswith(_PATHS)

    def identify(self, request: Request) -> Call:
        return self._rest.identify(request)

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        if call.operation.request is TrainingSetCall:
            labels = arrow_table(request.body)
            text = (labels.schema.metadata or {}).get(_REQUEST_KEY)
            if text is None:
                raise ValidationError('the schema of the labels has no metadata "tandem.request"')
            return TrainingSetCall(
                labels.replace_schema_metadata(None), decode_json(text, _Members)
            )
        if call.operation.name == "RebuildDataset":
            labels = arrow_table(request.body) if request.body else None
            return RebuildCall(call.labels["Id"], labels)
        return self._rest.decode(call, request)

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        if not isinstance(answer, Stream):
            return self._rest.encode(call, answer, request_id)
        headers = [("content-type", ARROW), (REQUEST_ID_HEADER, request_id)]
        if answer.dataset_id is not None:
            headers.append((DATASET_HEADER, answer.dataset_id))
        return Response(200, headers, arrow_stream(answer.rows.schema, answer.rows.batches()))

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._rest.encode_error(code, message, request_id)

    def _training_set(self, call: TrainingSetCall) -> Stream:
        members: _Members = call.members
        labels = TableRows(call.labels)
        return _stream(
            self._datasets.training_set(
                labels,
                members.request(),
                record=members.record,
                keep_labels=members.keep_labels,
            )
        )

    def _latest(self, call: TrainingSetCall) -> Stream:
        members: _Members = call.members
        return _stream(
            self._datasets.latest(
                TableRows(call.labels) if members.entities is None else members.entities,
                members.request(),
                at_us=members.at,
                record=members.record,
                keep_labels=members.keep_labels,
            )
        )

    def _rebuild(self, call: RebuildCall) -> Stream:
        labels = None if call.labels is None else TableRows(call.labels)
        return _stream(self._datasets.rebuild(call.id, labels))

    def _describe(self, call: DatasetCall) -> DatasetAnswer:
        return DatasetAnswer(self._datasets.find(call.id))

    def _list(self, call: DatasetCall) -> DatasetsAnswer:
        del call
        return DatasetsAnswer(self._datasets.all())

    def _delete(self, call: DatasetCall) -> Nothing:
        self._datasets.delete(call.id)
        return Nothing()

    def _in_thread(self, work: Callable[[Any], msgspec.Struct]) -> Any:
        # Threads of their own, so that long joins leave other operations theirs.
        async def perform(call: Any) -> msgspec.Struct:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, call)

        return perform


def _stream(made: TrainingSet) -> Stream:
    return Stream(made.rows, made.dataset.dataset_id if made.dataset else None)
