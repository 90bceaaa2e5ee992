"""The seam of the offline store: what every backend promises, and what it needs from a registry."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, HistorySnapshot, Manifest
from tandem.model.write import LogEntry, LogPart

NOTHING_READ: Mapping[int, int] = MappingProxyType({})
"""Positions by log partition, of one who has read nothing."""


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
        """The delivered history at this moment: rows of each entry once, in files or as entries."""

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
