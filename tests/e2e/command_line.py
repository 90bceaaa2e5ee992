"""The command line: in this process, or where only a process shows it, in one of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from tandem.cli import main

COMMAND = [sys.executable, "-m", "tandem"]
_THREADS_END_SECONDS_MAX = 10


class Outcome(NamedTuple):
    code: int
    output: str
    errors: str


class CommandLine:
    """`tandem` in this process, working on the store at `location` from the folder `folder`.

    A command prints and ends as it would in a process of its own, and has to leave this one as it
    found it.
    """

    def __init__(self, location: str, folder: Path) -> None:
        self.folder = folder
        self.location = location

    def run(self, *arguments: str) -> Outcome:
        variables = {"TANDEM_STORE": self.location, "COLUMNS": None}
        with chdir(self.folder), _left_as_it_was():
            done = CliRunner(catch_exceptions=False).invoke(
                main, arguments, env=variables, prog_name="tandem"
            )
        return Outcome(done.exit_code, done.stdout, done.stderr)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What is printed: to standard output, or, of one that is refused, to standard error."""
        done = self.run(*arguments)
        assert done.code == code, done.output + done.errors
        assert "Traceback" not in done.errors, done.errors
        if code == 1:
            assert len(done.errors.splitlines()) == 1, done.errors
        return done.errors if code in (1, 2) else done.output

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


class CommandProcess(CommandLine):
    """Likewise, each command in a process of its own. `variables` are added to its environment."""

    def __init__(self, location: str, folder: Path, **variables: str) -> None:
        super().__init__(location, folder)
        self.environment = {**os.environ, "TANDEM_STORE": location, **variables}
        self.environment.pop("COLUMNS", None)

    def run(self, *arguments: str) -> Outcome:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Nothing stays of a command: no handler, no variable, and no thread of a store."""
    before, threads = _process_state(), set(threading.enumerate())
    yield
    assert _process_state() == before
    deadline = time.monotonic() + _THREADS_END_SECONDS_MAX
    while left := set(threading.enumerate()) - threads:
        assert time.monotonic() < deadline, left
        time.sleep(0.005)


def _process_state() -> tuple[object, ...]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return dict(os.environ), handlers, list(logging.getLogger("tandem").handlers)
