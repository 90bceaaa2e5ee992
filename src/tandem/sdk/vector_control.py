"""What the library needs of a store for feature vectors, wherever it runs."""

from abc import ABC, abstractmethod

import pyarrow as pa

from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.feature_vectors import VectorTable


class VectorControl(ABC):
    """Raises `tandem.errors`."""

    @abstractmethod
    def read(
        self, entities: pa.Table, request: TrainingSetRequest, *, are_identifiers: bool
    ) -> VectorTable:
        """As `tandem.service.feature_vectors.FeatureVectors.read`."""
