"""Feature vectors of a store in this process."""

import pyarrow as pa

from tandem.assembly.core import Core
from tandem.sdk.vector_control import VectorControl
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.feature_vectors import VectorTable


class EmbeddedVectors(VectorControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def read(
        self, entities: pa.Table, request: TrainingSetRequest, *, are_identifiers: bool
    ) -> VectorTable:
        return self._core.feature_vectors.read(entities, request, are_identifiers=are_identifiers)
