"""An online store that says that it is in another process, and answers when a file is gone."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tandem.model.write import RecordKey
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.online_record import OnlineRecord

HELD, ASKED = "TANDEM_TEST_HELD", "TANDEM_TEST_ASKED"
"""They name files: while the first is there, reads wait; the second has a line for each call, the
number of its keys.
"""


class RemoteLmdb(LmdbOnlineStore):
    is_remote = True

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        with Path(os.environ[ASKED]).open("a") as asked:
            asked.write(f"{len(keys)}\n")
        while Path(os.environ[HELD]).exists():
            time.sleep(0.005)
        return super().get(keys)
