"""The seams of the registry: definitions of feature groups, delivery's bookkeeping, documents, and
usage.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, Manifest
from tandem.model.usage import Period, UsageRow


class LateGroup(NamedTuple):
    """A group that delivery goes on without, since its history could not be written.

    after       every entry of the group up to this position is in its history and archive
    through     the last position of the range that comes next; an attempt at it may have left files
    since_us    when it fell behind, in microseconds since 1970
    reason      why it could not be written when that was tried last
    """

    after: int
    through: int
    since_us: int
    reason: str


_NO_LATE_GROUPS: Mapping[str, LateGroup] = MappingProxyType({})


class DeliveryState(NamedTuple):
    """How far a log partition is delivered, and the range that a delivery has in hand.

    delivered   every entry up to this position is in history and archive, but for late groups
    intent      the last position of the range that is being delivered; None between deliveries
    late        the groups that are behind, by their id
    """

    delivered: int = 0
    intent: int | None = None
    late: Mapping[str, LateGroup] = _NO_LATE_GROUPS


class Changes(NamedTuple):
    """What changed among the definitions behind a version.

    version   the version they stand at now; it grows with every change
    groups    those that were added or changed since, the deleted ones included
    aliases   all aliases there are now, the feature group's name by alias; None where nothing has
              changed at all
    """

    version: int
    groups: Sequence[FeatureGroup]
    aliases: Mapping[str, str] | None


class Stamp(ABC):
    """The version of the definitions, at hand: record operations ask on every call whether what
    they know is still so.
    """

    @abstractmethod
    def read(self) -> int:
        """The version at which the definitions stand, or one that a change is about to give them.

        It costs well below a microsecond. When a change returns, `read` says so in every process;
        so whoever knows the definitions of the version that it says need not read them again.
        """


class Document(NamedTuple):
    """A text kept under a kind and a name. `revision` is 1 at first and grows with every change."""

    content: str
    revision: int


class GroupRegistry(ABC):
    """Definitions of feature groups, the deleted ones included, and aliases. Durable at return.

    stamp   says whether anything has changed, whichever process has changed it
    """

    stamp: Stamp

    @abstractmethod
    def add(self, group: FeatureGroup, *, is_table_new: bool = False) -> None:
        """Stores a new group.

        Raises ResourceInUse where a group that is not deleted, or an alias, has its name, and
        ConflictError where its group_id was ever used. With `is_table_new` also where its catalog
        table was ever another group's, in any case of its letters: many callers may try one table
        at once, and one gets it.
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

        Raises ConflictError where it is not, ResourceNotFound where there is no such id, and
        ResourceInUse where it is deleted now and an alias names it.
        """

    @abstractmethod
    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        """All groups that are not deleted (or all that are), by name."""

    @abstractmethod
    def changes(self, after: int) -> Changes:
        """What changed behind version `after`, at one moment; behind 0, everything."""

    @abstractmethod
    def set_alias(self, alias: str, group_name: str | None) -> None:
        """Lets `alias` name a feature group from now on, or nothing (None).

        Raises ResourceNotFound where there is no such group (or, for None, no such alias), and
        ResourceInUse where a group is called like the alias.
        """

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


class DocumentRegistry(ABC):
    """Small texts by kind and name, for what has no structure of its own here. Durable at return.

    A change names the revision it is based on, 0 where there is nothing yet. Each raises
    ConflictError, and changes nothing, where another revision is stored.
    """

    @abstractmethod
    def document(self, kind: str, name: str) -> Document | None: ...

    @abstractmethod
    def documents(self, kind: str) -> Mapping[str, Document]:
        """All of a kind by name, in the order of their names."""

    @abstractmethod
    def put_document(self, kind: str, name: str, content: str, expected: int) -> None: ...

    @abstractmethod
    def remove_document(self, kind: str, name: str, expected: int) -> None: ...


class UsageRegistry(ABC):
    """What feature groups were used for, by minute and by hour. Durable at return."""

    @abstractmethod
    def add_usage(self, minutes: Sequence[UsageRow]) -> None:
        """Adds to what is counted in these minutes and in the hours that hold them: all of it, or
        nothing where this raises.
        """

    @abstractmethod
    def usage(
        self, period: Period, since_s: int, until_s: int, group_id: str | None = None
    ) -> Sequence[UsageRow]:
        """The periods that begin from `since_s` on and before `until_s`, of one group or of all, in
        the order of their beginnings. Those without any usage are left out.
        """

    @abstractmethod
    def trim_usage(self, period: Period, before_s: int) -> None:
        """Forgets the periods that begin before `before_s`."""


class Registry(GroupRegistry, ManifestRegistry, DocumentRegistry, UsageRegistry):
    """All seams: what a backend of the registry is, so that they share one database."""
