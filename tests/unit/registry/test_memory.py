import pytest

from tandem.errors import StoreUnavailable
from tandem.registry.base import DeliveryState
from tandem.registry.memory import MemoryRegistry


def test_manifests_of_a_closed_registry_are_refused():
    registry = MemoryRegistry()
    registry.close()
    for call in (
        lambda: registry.manifest("g-1"),
        lambda: registry.advance("g-1", [], {0: 0}, {0: 1}),
        lambda: registry.delivery(0),
        lambda: registry.set_delivery(0, DeliveryState(), DeliveryState(0, 1)),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            call()
