"""Training sets of a store in this process."""

from collections.abc import Callable, Sequence
from typing import BinaryIO

from tandem.assembly.core import Core
from tandem.errors import StoreUnavailable, ValidationError
from tandem.model.dataset import Dataset
from tandem.sdk.dataset_control import DatasetControl
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.datasets import Labels, TrainingSet


class EmbeddedDatasets(DatasetControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def training_set(
        self, labels: Labels, request: TrainingSetRequest, *, record: bool, keep_labels: bool
    ) -> TrainingSet:
        return self._core.datasets.training_set(
            labels, request, record=record, keep_labels=keep_labels
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
        return self._core.datasets.latest(
            entities, request, at_us=at_us, record=record, keep_labels=keep_labels
        )

    def find(self, dataset_id: str) -> Dataset:
        return self._core.datasets.find(dataset_id)

    def all(self) -> Sequence[Dataset]:
        return self._core.datasets.all()

    def delete(self, dataset_id: str) -> None:
        self._core.datasets.delete(dataset_id)

    def rebuild(self, dataset_id: str, labels: Labels | None) -> TrainingSet:
        return self._core.datasets.rebuild(dataset_id, labels)

    def write_object(self, bucket: str, key: str, write: Callable[[BinaryIO], object]) -> None:
        objects = self._core.open_objects()
        if objects is None:
            raise ValidationError("this store has no S3 of its own (s3_gateway is off)")
        try:
            objects.put(bucket, key, write)
        except OSError as error:
            raise StoreUnavailable(
                f"s3://{bucket}/{key} cannot be written ({error.strerror or error}): free some"
                " space and try again"
            ) from error
