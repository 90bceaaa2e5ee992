"""A folder for Terraform in each test, and a server for it. Skips where Terraform is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess
from e2e.terraform.runner import Terraform, Tools, find_tools

NewFolder = Callable[[str], Terraform]


@pytest.fixture(scope="session")
def tools() -> Tools:
    found = find_tools()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def new_folder(
    tmp_path: Path, tools: Tools, server: ServerProcess, record_property: Callable[..., None]
) -> NewFolder:
    """Makes a folder of configuration whose provider is told the server's address and no more."""

    def make(name: str, endpoint: str | None = server.url) -> Terraform:
        def report(step: str, seconds: float) -> None:
            print(f"{name}: terraform {step} took {seconds:.1f} s")
            record_property(f"{name} {step} seconds", round(seconds, 1))

        return Terraform(tmp_path / name, tools, endpoint, report)

    return make
