"""Checks what a load has written so far. Run in a process of its own:

    python verify_load.py DATA DONE ROWS

prints a JSON list of what is wrong; it is empty where nothing is. Of ROWS rows with the tokens t0,
t1, … the first DONE must be there, and no other token, and none twice.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from e2e.crash.verify import (
    equals_replay,
    token_counts_in_archive,
    token_counts_in_files,
    token_counts_in_history,
)
from tandem.assembly.core import Core
from tandem.assembly.settings import Settings


def check(data: Path, done: int, rows: int) -> list[str]:
    core = Core(Settings(data=data), in_background=False)
    try:
        before = token_counts_in_history(core, "load")
        core.delivery.deliver_all()
        core.expiry.expire_once()
        places = {
            "history with its undelivered tail": before,
            "history": token_counts_in_history(core, "load"),
            "what anybody sees": token_counts_in_files(core, "load"),
            "the archive": token_counts_in_archive(core, "load"),
        }
        staged = [path.name for path in (data / "online" / "staged").glob("*.*")]
        return [
            *(fault for place in places.items() for fault in _faults(*place, done, rows)),
            *equals_replay(core, "load"),
            *(f"{len(staged)} staged files are left" for _ in staged[:1]),
        ]
    finally:
        core.close()


def _faults(place: str, counts: Counter[str], done: int, rows: int) -> list[str]:
    wanted, known = tokens(done), tokens(rows)
    doubled = [token for token, count in counts.items() if count > 1]
    return [
        f"{place}: {len(found)} rows {what}, such as {sorted(found)[:3]}"
        for what, found in (
            ("lost", wanted - counts.keys()),
            ("more than once", doubled),
            ("never sent", counts.keys() - known),
        )
        if found
    ]


def tokens(count: int) -> set[str]:
    return {f"t{number}" for number in range(count)}


if __name__ == "__main__":
    print(json.dumps(check(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
