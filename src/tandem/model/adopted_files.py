"""Files that other programs put into a history: what became of each.

Paths are relative to the group's data folder, as `year=2024/month=05/day=01/hour=12/x.parquet`.
"""

from dataclasses import dataclass

STILL_SECONDS_OVERDUE = 600.0
"""A file that has not changed for so long and still cannot be taken is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFile:
    """A file whose rows are in the log. `digest` is BLAKE2b of its bytes, as hexadecimal digits."""

    path: str
    rows: int
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A file of which no row was taken.

    kept_at   where it lies now, relative to the group's folder; it counts as refused until somebody
              removes it
    """

    group_id: str
    path: str
    kept_at: str
    reason: str
    since_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file that lies where it was put, since it is not whole, or not known to be yet."""

    path: str
    reason: str
    still_seconds: float

    @property
    def is_overdue(self) -> bool:
        return self.still_seconds > STILL_SECONDS_OVERDUE


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesAdopted:
    """What one look at a group's files has brought.

    adopted    files whose rows this call has written
    repeated   files that were there again, name and bytes; their rows are in already
    refused    all that are refused and not removed yet, those of earlier calls included
    waiting    files that a later call will look at again
    """

    adopted: tuple[AdoptedFile, ...] = ()
    repeated: tuple[str, ...] = ()
    refused: tuple[RefusedFile, ...] = ()
    waiting: tuple[WaitingFile, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows of history this call has written."""
        return sum(file.rows for file in self.adopted)
