"""A real Tandem server in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
_READY = "Tandem is ready at "


@contextmanager
def running_server(data: Path) -> Iterator[str]:
    """Serves the store in the folder `data` for the length of the block; gives its URL.

    Raises RuntimeError where the server does not start or does not stop as it should. What it has
    to say about that is on standard error.
    """
    command = [sys.executable, "-m", "tandem", "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _url(process)
        finally:
            process.terminate()
            try:
                code = process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    if code != 0:
        raise RuntimeError(f"the server ended with exit code {code}")


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    # Without an end to its patience, the demo would wait for ever for a server that hangs.
    timer = Timer(START_SECONDS_MAX, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line.startswith(_READY):
        raise RuntimeError("the server did not start")
    return line.removeprefix(_READY).split()[0]
