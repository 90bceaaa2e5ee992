"""Both versions of the SageMaker SDK, unmodified, against a real server.

Each file in `v2` and `v3` is a notebook: it asserts what it sees. They share a server.
"""

from pathlib import Path

import pytest

from e2e.sagemaker.notebook import HERE, VERSIONS, run_notebook
from e2e.server_process import ServerProcess

NOTEBOOKS = sorted(path for version in VERSIONS for path in (HERE / version).glob("*.py"))


def test_there_are_notebooks_for_each_version() -> None:
    assert {path.parent.name for path in NOTEBOOKS} == set(VERSIONS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_notebook(path: Path, server: ServerProcess, tmp_path: Path) -> None:
    run_notebook(path, path.parent.name, server, tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_sdk_is_of_the_version_that_is_meant(
    version: str, server: ServerProcess, tmp_path: Path
) -> None:
    program = "from importlib.metadata import version; print(version('sagemaker'))"
    assert run_notebook(program, version, server, tmp_path) == f"{VERSIONS[version]}\n"
