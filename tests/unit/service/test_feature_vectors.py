"""How much one table of feature vectors may hold."""

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.limits import VECTOR_VALUES_MAX
from tandem.service.dataset_request import TrainingSetRequest
from unit.service.scenes import record


def test_entities_that_repeat_themselves_are_not_without_end(
    core: Core, customers: FeatureGroup
) -> None:
    """A million rows of one identifier are some bytes of a request, and many of an answer."""
    core.records.put("customers", record(orders=1)).result()
    request = TrainingSetRequest(features=("customers:orders",))
    most = VECTOR_VALUES_MAX // 2  # each with its age
    entities = pa.table({"id": pa.repeat("C1", most + 1)})
    with pytest.raises(ValidationError, match="ask for fewer entities or features"):
        core.feature_vectors.read(entities, request)
    found = core.feature_vectors.read(entities.slice(0, 1_000), request)
    assert found.features.column("orders").to_pylist() == [1] * 1_000
