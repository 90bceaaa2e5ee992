"""The seams of the registry: definitions of feature groups, and delivery's bookkeeping."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, Manifest


class DeliveryState(NamedTuple):
    """How far a log partition is delivered, and the range that a delivery has in hand.

    delivered   every entry up to this position is in history and archive, for all groups
    intent      the last position of the range that is being delivered; None between deliveries
    """

    delivered: int = 0
    intent: int | None = None


class GroupRegistry(ABC):
    """Definitions of feature groups, the deleted ones included. Durable at return."""

    @abstractmethod
    def add(self, group: FeatureGroup) -> None:
        """Stores a new group.

        Raises ResourceInUse where a group that is not deleted has its name, and ConflictError where
        its group_id was ever used.
        """

    @abstractmethod
    def find(self, name: str) -> FeatureGroup | None:
        """The group of this name that is not deleted."""

    @abstractmethod
    def get(self, group_id: str) -> FeatureGroup | None:
        """The group of this id, deleted or not."""

    @abstractmethod
    def replace(self, group: FeatureGroup) -> None:
        """Stores a changed group whose revision is one more than the stored one.

        Raises ConflictError where it is not, and ResourceNotFound where there is no such id.
        """

    @abstractmethod
    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        """All groups that are not deleted (or all that are), by name."""

    @abstractmethod
    def close(self) -> None:
        """Releases connections. Calls after it raise StoreUnavailable."""


class ManifestRegistry(ABC):
    """Which files are each group's history, and how far delivery has come. Durable at return."""

    @abstractmethod
    def manifest(self, group_id: str) -> Manifest:
        """The group's manifest at this moment; an empty one where nothing was delivered."""

    @abstractmethod
    def advance(
        self,
        group_id: str,
        files: Sequence[DataFile],
        expected: Mapping[int, int],
        delivered: Mapping[int, int],
    ) -> None:
        """Adds `files` and moves the delivered positions on, both or neither.

        `expected` and `delivered` name the same partitions. Raises ConflictError where the manifest
        does not stand at `expected`, where a file's sequence is not greater than every stored one,
        or where its path is stored already; nothing changes then.
        """

    @abstractmethod
    def delivery(self, partition: int) -> DeliveryState:
        """How far delivery of a log partition has come."""

    @abstractmethod
    def set_delivery(self, partition: int, expected: DeliveryState, new: DeliveryState) -> None:
        """Moves delivery on. Raises ConflictError where it does not stand at `expected`."""


class Registry(GroupRegistry, ManifestRegistry):
    """Both seams: what a backend of the registry is, so that they share one database."""
