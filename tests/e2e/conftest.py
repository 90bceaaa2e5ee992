"""A server that the tests of one module share."""

from collections.abc import Iterator

import pytest

from e2e.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server") / "data"
    with ServerProcess(data, environment={"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}) as running:
        yield running
