"""A notebook: a program in a Python that has the SageMaker SDK, in a shell set up by `tandem env`.

The SDK's versions cannot live in one environment, nor in Tandem's: `make sagemaker` makes one for
each. Without it, the tests that need it are skipped.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
VERSIONS = {"v2": "2.257.7", "v3": "3.27.0"}


def python_with_sdk(version: str) -> Path:
    """The Python that has this version of the SDK; skips the test where there is none."""
    python = ROOT / f".venv-sagemaker-{version}/bin/python"
    if not python.exists():
        pytest.skip(f"no {python.parents[1].name}: make sagemaker makes it")
    return python


def environment_of(server: ServerProcess, folder: Path) -> dict[str, str]:
    """What a shell holds after `eval "$(tandem env)"`, for a user without any settings for AWS."""
    folder.mkdir(parents=True, exist_ok=True)
    tandem = f"{shlex.quote(sys.executable)} -m tandem env --data {shlex.quote(str(server.data))}"
    run = subprocess.run(
        ["bash", "-euc", f'eval "$({tandem})"; env -0'],
        env={**_without_aws(), "HOME": str(folder)},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return dict(entry.partition("=")[::2] for entry in run.stdout.split("\0") if entry)


def _without_aws() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Nothing but the server is reached: whatever goes elsewhere fails at once.
    return kept | {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}


def run_notebook(
    program: Path | str, version: str, server: ServerProcess, folder: Path, *arguments: str
) -> str:
    """Runs a file, or code; returns what it printed. Fails with what it said where it fails."""
    python = python_with_sdk(version)
    environment = environment_of(server, folder)
    environment["PYTHONPATH"] += f":{HERE}"
    named = [str(program)] if isinstance(program, Path) else ["-c", program]
    run = subprocess.run(
        [str(python), *named, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, f"{run.stdout[-4_000:]}\n{run.stderr[-8_000:]}"
    return run.stdout
