"""Training sets of a store behind HTTP. A table that comes back is taken in piece by piece."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import msgspec
import pyarrow as pa
import pyarrow.fs

from tandem.errors import ResourceNotFound, StoreUnavailable
from tandem.model.dataset import Dataset
from tandem.rows.rows import RowStream, Spool
from tandem.sdk.credentials import Credentials
from tandem.sdk.dataset_control import DatasetControl
from tandem.sdk.http import Http, arrow_bytes, json_bytes
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.datasets import Labels, TrainingSet

_DATASET_HEADER = "tandem-dataset"
_PATH = "/tandem/datasets"


class RemoteDatasets(DatasetControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def training_set(
        self, labels: Labels, request: TrainingSetRequest, *, record: bool, keep_labels: bool
    ) -> TrainingSet:
        return self._asked(
            "/tandem/training-set", labels, _members(request, Record=record, KeepLabels=keep_labels)
        )

    def latest(
        self,
        entities: Labels | str,
        request: TrainingSetRequest,
        *,
        at_us: int | None,
        record: bool,
        keep_labels: bool,
    ) -> TrainingSet:
        members = _members(request, Record=record, KeepLabels=keep_labels, At=at_us)
        if isinstance(entities, str):
            none = RowStream(pa.schema([]), iter(()))
            return self._asked("/tandem/latest", none, {**members, "Entities": entities})
        return self._asked("/tandem/latest", entities, members)

    def find(self, dataset_id: str) -> Dataset:
        answer = self._http.json("GET", f"{_PATH}/{quote(dataset_id, safe='')}")
        return msgspec.convert(answer["Dataset"], Dataset, strict=False)

    def all(self) -> Sequence[Dataset]:
        answer = self._http.json("GET", _PATH)
        return [msgspec.convert(one, Dataset, strict=False) for one in answer["Datasets"]]

    def delete(self, dataset_id: str) -> None:
        self._http.json("DELETE", f"{_PATH}/{quote(dataset_id, safe='')}")

    def rebuild(self, dataset_id: str, labels: Labels | None) -> TrainingSet:
        path = f"{_PATH}/{quote(dataset_id, safe='')}/rebuild"
        return self._taken(path, b"" if labels is None else arrow_bytes(_table(labels)))

    def write_object(self, bucket: str, key: str, write: Callable[[BinaryIO], object]) -> None:
        # Written here first: an upload that breaks off must not leave half an object.
        with tempfile.TemporaryFile() as file:
            write(cast("BinaryIO", file))
            file.seek(0)
            try:
                with self._s3().open_output_stream(f"{bucket}/{key}") as output:
                    shutil.copyfileobj(file, output, 8 << 20)
            except OSError as error:
                kind = ResourceNotFound if "NO_SUCH_BUCKET" in str(error) else StoreUnavailable
                raise kind(f"s3://{bucket}/{key} cannot be written: {error}") from error

    def _s3(self) -> pa.fs.S3FileSystem:
        # Without credentials the server does not ask for any; S3's client does.
        credentials = self._http.credentials or Credentials("tandem", "tandem")
        return pa.fs.S3FileSystem(
            access_key=credentials.access_key,
            secret_key=credentials.secret_key,
            session_token=credentials.session_token,
            endpoint_override=self._http.address,
            scheme=self._http.scheme,
            region="us-east-1",
        )

    def _asked(self, path: str, labels: Labels, members: Mapping[str, Any]) -> TrainingSet:
        # The request travels in the schema's metadata, so that the body is one Arrow stream.
        metadata = {"tandem.request": json_bytes(members)}
        return self._taken(path, arrow_bytes(_table(labels).replace_schema_metadata(metadata)))

    def _taken(self, path: str, body: bytes) -> TrainingSet:
        with (
            self._http.ask_stream(path, body) as (headers, stream),
            closing(Spool(stream.schema, None)) as spool,
        ):
            for batch in stream.batches:
                spool.add(batch)
            rows, dataset_id = spool.rows(), headers.get(_DATASET_HEADER)
        return TrainingSet(rows, None if dataset_id is None else self.find(dataset_id))


def _table(labels: Labels) -> pa.Table:
    return labels.to_table()


def _members(request: TrainingSetRequest, **more: Any) -> dict[str, Any]:
    return {
        "Features": request.features,
        "EventTime": request.event_time,
        "Keys": request.keys,
        "AsOf": request.as_of_us,
        "MaxAgeSeconds": request.max_age_seconds,
        "EventTimes": request.event_times,
        **more,
    }
