"""Which objects are the history of a feature group, and what may be done to them.

    {prefix}/…/{name}-{epoch}/           the folder of a group that is not deleted
        data/                            may be read; new files may come; none changes or goes
        metadata/, _log/                 may be read; nothing comes
        …/_temporary/…, …/.x             names with "_" or "." in front: what writers need meanwhile

A file that is replaced or deleted would change what training sets and queries found before. Once
its group is deleted, a history is nobody's: then its files may be deleted like any other.

Nor may an object stand where delivery needs a folder. So the folders that lead to a history are no
objects, nor are those that lead to the history of a deleted group, whose last rows may still be on
their way. And in a history a new file has a name with a dot, which no folder of Tandem's has.
"""

from collections.abc import Callable, Mapping, Sequence

from tandem.model.feature_group import FeatureGroup
from tandem.offline.objects.errors import HistoryProtected

_SCHEME = "s3://"
_DATA_FOLDER = "data"
_ARCHIVE_FOLDER = "_log"
_PASSING = ("_", ".")


class HistoryGuard:
    """`live` gives the groups that are not deleted, `deleted` those that are: each the same object
    until something changes.
    """

    def __init__(
        self,
        live: Callable[[], Sequence[FeatureGroup]],
        deleted: Callable[[], Sequence[FeatureGroup]],
    ) -> None:
        self._live = live
        self._deleted = deleted
        self._groups: tuple[Sequence[FeatureGroup], Sequence[FeatureGroup]] | None = None
        self._names: Mapping[tuple[str, str], str] = {}
        self._above: frozenset[tuple[str, str]] = frozenset()
        self._on_the_way: frozenset[tuple[str, str]] = frozenset()

    def buckets(self) -> set[str]:
        """Buckets that groups keep their history in, whether anything is delivered yet or not."""
        return {bucket for bucket, _ in self._folders()}

    def check(self, bucket: str, key: str, *, exists: bool) -> None:
        """Raises HistoryProtected where this key must not be written or deleted."""
        group, inside = self._place(bucket, key)
        if group is None:
            if (bucket, key) in self._on_the_way:
                raise HistoryProtected(
                    f"{key[:256]!r} is a folder on the way to a feature group's history, and cannot"
                    " be an object: name it otherwise"
                )
            return
        segments = inside.removesuffix("/").split("/")
        if segments[0] == _ARCHIVE_FOLDER:
            raise HistoryProtected(
                f"{key[:256]!r} is in the archive of feature group {group!r}, by which Tandem"
                " restores and verifies: it is read only, as long as the group exists"
            )
        is_passing = any(segment.startswith(_PASSING) for segment in segments)
        if not is_passing and segments[0] != _DATA_FOLDER and not inside.endswith("/"):
            raise HistoryProtected(
                f"{key[:256]!r} is beside the data of feature group {group!r}, where only Tandem"
                " writes: new files of a history go below its folder data/"
            )
        if exists and not is_passing and not inside.endswith("/"):
            raise HistoryProtected(
                f"{key[:256]!r} is in the history of feature group {group!r}, to which files are"
                " only added: none is replaced or deleted, as long as the group exists"
            )
        if not is_passing and not inside.endswith("/") and "." not in segments[-1]:
            raise HistoryProtected(
                f"{key[:256]!r} is in the history of feature group {group!r}, where names without a"
                " dot are those of folders: give the file an ending, as .parquet"
            )

    def has(self, bucket: str, key: str) -> bool:
        """Whether a key is in the folder of a group's history."""
        return self._place(bucket, key)[0] is not None

    def keeps(self, bucket: str, folder: str) -> bool:
        """Whether a folder, empty or not, is needed for a history."""
        group, _ = self._place(bucket, f"{folder}/")
        return group is not None or (bucket, folder) in self._above

    def _place(self, bucket: str, key: str) -> tuple[str | None, str]:
        """The group that a key belongs to, and what of the key is inside the group's folder."""
        folders = self._folders()
        end = key.find("/")
        while end >= 0:
            if group := folders.get((bucket, key[:end])):
                return group, key[end + 1 :]
            end = key.find("/", end + 1)
        return None, ""

    def _folders(self) -> Mapping[tuple[str, str], str]:
        live, deleted = self._live(), self._deleted()
        if self._groups is None or self._groups[0] is not live or self._groups[1] is not deleted:
            names = _names_by_folder(live)
            self._above = _above(names)
            gone = _names_by_folder(deleted)
            self._on_the_way = frozenset({*names, *self._above, *gone, *_above(gone)})
            self._names, self._groups = names, (live, deleted)
        return self._names


def _names_by_folder(groups: Sequence[FeatureGroup]) -> Mapping[tuple[str, str], str]:
    """The groups' names by bucket and folder of their history."""
    names = {}
    for group in groups:
        if group.offline is not None and group.offline.resolved_uri.startswith(_SCHEME):
            rest = group.offline.resolved_uri.removeprefix(_SCHEME)
            bucket, *parts = [part for part in rest.split("/") if part]
            names[bucket, "/".join(parts[:-1])] = group.name
    return names


def _above(names: Mapping[tuple[str, str], str]) -> frozenset[tuple[str, str]]:
    """The folders that lead to those of the histories."""
    return frozenset(
        (bucket, folder[:end])
        for bucket, folder in names
        for end in range(len(folder))
        if folder[end] == "/"
    )
