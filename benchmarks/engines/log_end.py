"""Where the log of a compared store ends."""

from typing import NamedTuple

PARTITION = 0


class End(NamedTuple):
    """The last position and the last write time."""

    position: int
    write_time_us: int
