"""An online store that takes its time over a commit, and says when it has begun."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tandem.online.base import Outcome, Request
from tandem.online.lmdb import LmdbOnlineStore

BEGUN = "TANDEM_TEST_BEGUN"
"""Names a file that appears when a commit begins."""
COMMIT_SECONDS = 0.5


class SlowCommits(LmdbOnlineStore):
    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        Path(os.environ[BEGUN]).touch()
        time.sleep(COMMIT_SECONDS)
        return super().write(writes, clock)
