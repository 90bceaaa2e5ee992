"""The seam of the offline store: what every backend promises, and what it needs from a registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import pyarrow as pa

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import (
    AsOf,
    Compaction,
    DataFile,
    HistorySnapshot,
    HistoryVersion,
    Manifest,
    MetadataTable,
    Vacuumed,
)
from tandem.model.write import LogEntry, LogPart

NOTHING_READ: Mapping[int, int] = MappingProxyType({})
"""Positions by log partition, of one who has read nothing."""


RowNumbers = Mapping[str, Sequence[int]]
"""Rows of a snapshot: their numbers in a file, which begin with 0, by the file's path."""


class ManifestStore(Protocol):
    """Where a file-based backend keeps which files are visible; a registry fits this shape."""

    def manifest(self, group_id: str) -> Manifest: ...

    def advance(
        self,
        group_id: str,
        files: Sequence[DataFile],
        expected: Mapping[int, int],
        delivered: Mapping[int, int],
    ) -> None: ...


class OfflineStore(ABC):
    """The history of feature groups: append-only, exactly once, readable without Tandem."""

    @abstractmethod
    def check(self, group: FeatureGroup) -> None:
        """Raises ValidationError where this store cannot keep the history of a group so defined:
        it does not have the table format, or something must be installed first.
        """

    @abstractmethod
    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        """Makes `entries` part of the group's history, and keeps them in its archive.

        `entries` are all entries of the group in one delivery range of one log partition, which
        begins behind position `after`, many of them in one segment where they were loaded; those
        that target the online store alone become no rows but are archived. The same range may come
        again after a crash, always with the same entries: it then has the same files and takes
        effect once. Durable and visible at return, or not visible
        at all. Raises ConflictError where another process has delivered a part of this range or
        past it meanwhile, or where `group` is a definition that lacks a feature of an entry, and
        StoreUnavailable where the disk is full.
        """

    @abstractmethod
    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        """The delivered history at this moment: rows of each entry once, in files or as entries.

        However often files are rewritten, rows keep their write times, and those of one record
        their order: recorded training sets are made again by them.
        """

    @abstractmethod
    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        """The entries of the group that are delivered at the time of the call, in log order, one
        log partition after the other: those behind the position that `after` says of a partition.

        They are read piece by piece, so that an archive may be larger than the memory. Raises
        DataCorrupted at a piece that is damaged.
        """

    @abstractmethod
    def is_unused(self, resolved_uri: str) -> bool:
        """Whether no file exists below the folder that holds `resolved_uri`."""

    @abstractmethod
    def versions(self, group: FeatureGroup) -> "VersionedHistory | None":
        """Where the versions of the group's history are; None where this store keeps none."""

    @abstractmethod
    def shared(self, group: FeatureGroup) -> "SharedTables | None":
        """Where other programs find and change the group's history as an Iceberg table; None where
        it is none.
        """

    @abstractmethod
    def arrivals(self, group: FeatureGroup) -> "Arrivals | None":
        """Where files that other programs put into the group's history are found; None where a
        history is no plain folder of files.
        """


class Arrival(NamedTuple):
    """A file below a group's data folder that Tandem has not written.

    path            relative to the data folder
    still_seconds   how long nobody has changed it; 0 where it may be one that is being delivered
    hindrance       why it cannot be taken, however long it stands still; None: it can
    """

    path: str
    still_seconds: float
    hindrance: str | None = None


class Batch(NamedTuple):
    """Files that were taken together: where each is now, by its path below the data folder.

    is_sealed   all of them are to become rows, and no other comes
    is_done     all of their rows are in
    """

    name: str
    files: Mapping[str, Path]
    is_sealed: bool
    is_done: bool


class Arrivals(ABC):
    """The files that other programs put below the data folder of one group.

    Those that are taken lie outside of it, out of the reach of their writers and of readers who
    list the folder. Every step is durable at return, and what a crash leaves is found by the next.
    """

    @abstractmethod
    def alone(self, wait_seconds: float) -> AbstractContextManager[Sequence[Batch]]:
        """Nobody else takes files of the group meanwhile; gives the batches that were left behind.

        Raises ConflictError where others do for longer than `wait_seconds`.
        """

    @abstractmethod
    def has_batches(self) -> bool:
        """Whether there are batches in hand, or left behind."""

    @abstractmethod
    def found(self, is_delivering: Callable[[], bool]) -> Sequence[Arrival]:
        """The files that lie there, in the order of their paths. `is_delivering` says whether the
        group's delivery may be under way, or be cut short: its new files are in no manifest then.
        """

    @abstractmethod
    def take(self, batch: str, paths: Sequence[str]) -> Batch:
        """Moves files that were found into a batch; those that are gone meanwhile are left out."""

    @abstractmethod
    def refuse(self, batch: str, path: str) -> None:
        """Puts a file of a batch that is not sealed where `refused_place` says."""

    @abstractmethod
    def seal(self, batch: str, without: Sequence[str]) -> Batch:
        """Seals a batch; the files `without` are removed before."""

    @abstractmethod
    def finish(self, batch: str, forget: Callable[[], None]) -> None:
        """Ends a sealed batch: it is done, then `forget` is called, then its files are removed."""

    @abstractmethod
    def refused(self) -> set[str]:
        """Where refused files lie, relative to the group's folder."""


def refused_place(batch: str, path: str) -> str:
    """Where a refused file is kept, relative to the group's folder."""
    return f"_refused/{batch}/{path}"


class VersionedHistory(ABC):
    """Histories whose every change is a version that can be read later, and that can be rewritten.

    A version has delivered rows alone. A change is one new version, on disk at return, or none;
    deliveries may come between. What is rewritten keeps the order of its rows, and the files of the
    versions before stay for those who read them.
    """

    @abstractmethod
    def as_of(self, group: FeatureGroup, wanted: AsOf) -> HistoryVersion:
        """The version that is meant. Raises QueryFailed where there is none (any more)."""

    @abstractmethod
    def metadata(self, group: FeatureGroup, name: MetadataTable) -> pa.Table:
        """What the newest version says of the table, with the columns that Trino gives it."""

    @abstractmethod
    def properties(self, group: FeatureGroup) -> Mapping[str, str]:
        """The table's properties."""

    @abstractmethod
    def change_properties(
        self, group: FeatureGroup, changes: Mapping[str, str], removals: Sequence[str] = ()
    ) -> None:
        """Sets and removes properties. Raises ValidationError for those that belong to the store,
        and for values that make no sense.
        """

    @abstractmethod
    def delete(self, group: FeatureGroup, rows: Callable[[HistorySnapshot], RowNumbers]) -> int:
        """Removes rows from history and archive; returns how many rows of history.

        `rows` says which rows of a snapshot go. It is asked again where another change came before,
        of the snapshot that has this change: rows that `rows` has not seen stay.
        """

    @abstractmethod
    def compact(
        self,
        group: FeatureGroup,
        files: Callable[[HistorySnapshot], Sequence[str]] | None = None,
    ) -> Compaction:
        """Makes fewer, larger files of small ones; `files` says which of a snapshot's are meant."""

    @abstractmethod
    def vacuum(self, group: FeatureGroup) -> Vacuumed:
        """Forgets versions that are older than the table's properties keep them, and removes files
        that no version has. A file that was in the newest version an hour ago stays, since a query
        that began then may be reading it.
        """


class SharedTables(ABC):
    """Histories as other programs know them: Iceberg tables, by `s3://` URIs of metadata files."""

    @abstractmethod
    def metadata_location(self, group: FeatureGroup) -> str | None:
        """The newest metadata file of the group's table; None before there is one."""

    @abstractmethod
    def adopt(self, group: FeatureGroup, expected: str, new: str) -> None:
        """Makes `new`, a metadata file that another program wrote, the newest one.

        Raises ConflictError where `expected` is not the newest any more or `new` does not follow
        it, and ValidationError where the history would lose something or could not be read.
        """
