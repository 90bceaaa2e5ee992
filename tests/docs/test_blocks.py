"""Every block of README.md and docs/ runs: Python in one namespace a page, shell commands too.

Blocks say http://localhost:8790; the tests put the address of their own server there. A `make`
target is only looked up (`make --dry-run`), since some of them run these very tests.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://localhost:8790"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("docs") / "data") as running:
        yield running


def blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in BLOCK.findall(page.read_text()) if found == language]


def environment() -> dict[str, str]:
    """Where `tandem` is a command."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def test_blocks_are_of_known_languages() -> None:
    for page in PAGES:
        languages = {found for found, _ in BLOCK.findall(page.read_text())}
        # The one in Terraform's language runs in tests/e2e/terraform.
        known = {"python", "bash", "hcl"} if page.name == "terraform.md" else {"python", "bash"}
        assert languages <= known, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, server: ServerProcess, tmp_path: Path) -> None:
    code = blocks(page, "python")
    if page.name == "spark.md" and (find_spec("pyspark") is None or shutil.which("java") is None):
        pytest.skip("needs PySpark, which is in the dependency group spark, and Java: make spark")
    program = "\n".join(code).replace(ADDRESS, server.url)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr


def test_bash_blocks_run(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        run_bash_blocks(server, tmp_path)


def run_bash_blocks(server: ServerProcess, tmp_path: Path) -> None:
    # The commands use the feature group that the README creates.
    program = "\n".join(blocks(ROOT / "README.md", "python")).replace(ADDRESS, server.url)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=180)
    for page in PAGES:
        for block in blocks(page, "bash"):
            script = re.sub(r"^make ", f"make --dry-run -C {ROOT} ", block, flags=re.MULTILINE)
            script = script.replace(ADDRESS, server.url)
            run = subprocess.run(
                ["bash", "-euc", script],
                cwd=tmp_path,
                env={**environment(), "TANDEM_STORE": server.url},
                capture_output=True,
                check=False,
                text=True,
                timeout=180,
            )
            assert run.returncode == 0, f"{page.name}:\n{block}\n{run.stderr}"
