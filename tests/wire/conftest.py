from collections.abc import Iterator

import pytest

from .bench import OFFLINE, ROLE, SAGEMAKER, Bench, definition, group_request


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def groups(bench: Bench) -> Bench:
    """`bench` with one feature group of each kind."""
    create_groups(bench)
    return bench


def create_groups(bench: Bench) -> None:
    """both: online and offline. v2: Standard_V2. keyed: Integral identifier, Fractional time.
    memory: InMemory with collections. history: offline only."""
    offline = {"OfflineStoreConfig": OFFLINE, "RoleArn": ROLE}
    keyed = group_request("keyed")
    keyed["FeatureDefinitions"] = [definition("id", "Integral"), definition("time", "Fractional")]
    memory = group_request("memory", storage="InMemory")
    vector = {"VectorConfig": {"Dimension": 2}}
    memory["FeatureDefinitions"] += [
        definition("list", "Integral", CollectionType="List"),
        definition("set", "String", CollectionType="Set"),
        definition("vector", "Fractional", CollectionType="Vector", CollectionConfig=vector),
    ]
    history = group_request("history", **offline)
    del history["OnlineStoreConfig"]
    v2 = group_request("v2", storage="Standard_V2")
    for request in (group_request("both", **offline), v2, keyed, memory, history):
        created = bench.send(SAGEMAKER, "CreateFeatureGroup", **request)
        assert created.status == 200, created.parsed
