"""A server that the tests of one module share, and a folder: a store is either."""

from collections.abc import Iterator

import pytest

import tandem
from e2e.locations import Place
from e2e.server_process import ServerProcess

OFTEN = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server") / "data"
    with ServerProcess(data, environment=OFTEN) as running:
        yield running


@pytest.fixture(scope="module", params=["folder", "server"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Where a store is: in a folder, or behind the URL of a server. Each is a new one when its turn
    comes, since who runs the tests may come to either several times.
    """
    folder = tmp_path_factory.mktemp("store") / "data"
    if request.param == "folder":
        yield Place(str(folder), folder)
    else:
        with ServerProcess(folder, environment=OFTEN) as running:
            yield Place(running.url, folder)


@pytest.fixture(scope="module")
def location(place: Place) -> str:
    return place.location


@pytest.fixture(scope="module")
def store(location: str) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(location) as connected:
        yield connected


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of its own for each test, since tests share the store."""
    node: str = getattr(request.node, "originalname", request.node.name)
    return node.removeprefix("test_").replace("_", "-")[:56].strip("-")
