"""What the library needs of a store for training sets, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import BinaryIO

from tandem.model.dataset import Dataset
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.datasets import Labels, TrainingSet


class DatasetControl(ABC):
    """Raises `tandem.errors`."""

    @abstractmethod
    def training_set(
        self, labels: Labels, request: TrainingSetRequest, *, record: bool, keep_labels: bool
    ) -> TrainingSet: ...

    @abstractmethod
    def latest(
        self,
        entities: Labels | str,
        request: TrainingSetRequest,
        *,
        at_us: int | None,
        record: bool,
        keep_labels: bool,
    ) -> TrainingSet: ...

    @abstractmethod
    def find(self, dataset_id: str) -> Dataset: ...

    @abstractmethod
    def all(self) -> Sequence[Dataset]: ...

    @abstractmethod
    def delete(self, dataset_id: str) -> None: ...

    @abstractmethod
    def rebuild(self, dataset_id: str, labels: Labels | None) -> TrainingSet: ...

    @abstractmethod
    def write_object(self, bucket: str, key: str, write: Callable[[BinaryIO], object]) -> None:
        """Writes an object of the store's own S3, whole or not at all."""
