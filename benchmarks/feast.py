"""Feast, in an environment of its own, from PyPI."""

import subprocess
import venv
from pathlib import Path

VERSION = "0.67.0"


def installed(environment: Path, extra: str = "") -> Path | str:
    """The environment's Python, or why there is none."""
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"feast{extra}=={VERSION}"],
        capture_output=True,
        check=False,
        text=True,
    )
    return python if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
