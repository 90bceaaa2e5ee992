"""The command line as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "tandem"]


class CommandLine:
    """`tandem`, working on the store at `location` from the folder `folder`."""

    def __init__(self, location: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TANDEM_STORE": location}
        self.environment.pop("COLUMNS", None)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What is printed: to standard output, or, of one that is refused, to standard error."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        if code == 1:
            assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr if code in (1, 2) else done.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))
