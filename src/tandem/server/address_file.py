"""Where the server of a data folder listens: a line in a file that the server holds locked.

The lock is what counts. The system frees it however the process ends, so that an address which was
left behind is told from one that is served.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEFAULT_PORT = 8790
FILE_NAME = "server.json"
_ATTEMPTS = 5
_ATTEMPT_SECONDS = 0.02
"""Somebody who looks whether the file is held holds it for a moment."""


@contextmanager
def announced(data: Path, url: str) -> Iterator[None]:
    """Announces `url` as long as the context lasts; the first of those that share a folder does."""
    descriptor = os.open(data / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if _locked(descriptor):
            # Shorter than a block, so that a reader sees all of it or, cut to nothing, none.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"Url": url, "Pid": os.getpid()}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_ATTEMPT_SECONDS)
        else:
            return True
    return False


def announced_url(data: Path) -> str | None:
    """The URL of the server that runs on a data folder; None where none does."""
    try:
        descriptor = os.open(data / FILE_NAME, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Nobody holds it: the address is of a server that has ended.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 4_096, 0)
        url: str | None = json.loads(text)["Url"] if text else None
        return url
    else:
        return None
    finally:
        os.close(descriptor)
