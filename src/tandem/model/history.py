"""What a group's history consists of at one moment: delivered files, and entries after them.

A store that keeps versions of a history gives an older one, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tandem.model.write import LogPart


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a group's history.

    path          relative to the group's folder, with "/" between the parts
    sequence      the order in which files became visible: of two rows with the same key and event
                  time, the one in the later file, and in one file the later row, was written later
    event_seconds the least and greatest event time in it, whole seconds since 1970
    """

    path: str
    sequence: int
    rows: int
    size_bytes: int
    event_seconds_min: int
    event_seconds_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The visible files of a group, and up to which log position (by partition) they reach."""

    group_id: str
    files: tuple[DataFile, ...] = ()
    delivered: Mapping[int, int] = field(default_factory=dict)

    def delivered_through(self, partition: int) -> int:
        return self.delivered.get(partition, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySnapshot:
    """A group's whole history at one moment.

    files     full paths or URLs of Parquet files, in the order of their sequence
    entries   offline-targeted entries that no file holds yet, in log order, one by one or many in a
              segment; all later than `files`
    """

    files: tuple[str, ...] = ()
    entries: tuple[LogPart, ...] = ()
    delivered: Mapping[int, int] = field(default_factory=dict)

    def with_tail(self, tail: tuple[LogPart, ...]) -> "HistorySnapshot":
        return replace(self, entries=self.entries + tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """Which version of a history is meant: exactly one of the two is set.

    version     the number of a snapshot, or the name of a tag or branch
    moment_us   the newest version at that moment, microseconds since 1970
    """

    version: str | None = None
    moment_us: int | None = None

    def __post_init__(self) -> None:
        if (self.version is None) == (self.moment_us is None):
            raise ValueError("a version is named by its number or name, or by a moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryVersion:
    """One version of a history: the rows that were delivered by then, in files alone.

    columns   names of the columns that the table had then, in order
    """

    snapshot: HistorySnapshot
    columns: tuple[str, ...]


class MetadataTable(StrEnum):
    """Tables about a table, by the part of their name behind "$"."""

    FILES = "files"
    HISTORY = "history"
    MANIFESTS = "manifests"
    PARTITIONS = "partitions"
    REFS = "refs"
    SNAPSHOTS = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """What was made of a history's small files: how many went, and how many came for them."""

    files_before: int = 0
    files_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuumed:
    """What is no more: versions, and files that no version that is left has."""

    snapshots: int = 0
    files: int = 0
