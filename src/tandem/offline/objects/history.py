"""Which objects are the history of a feature group, and what may be done to them.

    {prefix}/…/{name}-{epoch}/           the folder of a group that is not deleted
        data/                            may be read; new files may come; none changes or goes
        metadata/                        in Iceberg format as data/, else nothing comes
        _log/, _adopting/                may be read; nothing comes or goes
        _refused/                        files that were not adopted: may be read and deleted
        …/_temporary/…, …/.x             names with "_" or "." in front: what writers need meanwhile

A file that is replaced or deleted would change what training sets and queries found before. New
metadata of an Iceberg table counts once the catalog takes it (`offline/iceberg/shared_tables`).
Once its group is deleted, a history is nobody's: then its files may be deleted like any other.

Nor may an object stand where delivery needs a folder. So the folders that lead to a history are no
objects, nor are those that lead to the history of a deleted group, whose last rows may still be on
their way. And in a history a new file has a name with a dot, which no folder of Tandem's has.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from tandem.model.feature_group import FeatureGroup, TableFormat
from tandem.offline.arrivals import ADOPTING
from tandem.offline.objects.errors import HistoryProtected

_SCHEME = "s3://"
_DATA_FOLDER = "data"
_METADATA_FOLDER = "metadata"
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
        self._by_folder: Mapping[tuple[str, str], FeatureGroup] = {}
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
                f"{key[:256]!r} is in the archive of feature group {group.name!r}, by which Tandem"
                " restores and verifies: it is read only, as long as the group exists"
            )
        if segments[0] == ADOPTING:
            raise HistoryProtected(
                f"{key[:256]!r} is being taken into the history of feature group {group.name!r}: it"
                " is read only until its rows are in"
            )
        is_passing = any(segment.startswith(_PASSING) for segment in segments)
        open_folders = _open_folders(group)
        if not is_passing and segments[0] not in open_folders and not inside.endswith("/"):
            raise HistoryProtected(
                f"{key[:256]!r} is beside the data of feature group {group.name!r}, where only"
                f" Tandem writes: new files of a history go below its folders {open_folders}"
            )
        if exists and not is_passing and not inside.endswith("/"):
            raise HistoryProtected(
                f"{key[:256]!r} is in the history of feature group {group.name!r}, to which"
                " files are only added: none is replaced or deleted, as long as the group exists"
            )
        if not is_passing and not inside.endswith("/") and "." not in segments[-1]:
            raise HistoryProtected(
                f"{key[:256]!r} is in the history of feature group {group.name!r}, where names"
                " without a dot are those of folders: give the file an ending, as .parquet"
            )

    def has(self, bucket: str, key: str) -> bool:
        """Whether a key is in the folder of a group's history."""
        return self._place(bucket, key)[0] is not None

    def keeps(self, bucket: str, folder: str) -> bool:
        """Whether a folder, empty or not, is needed for a history."""
        group, _ = self._place(bucket, f"{folder}/")
        return group is not None or (bucket, folder) in self._above

    def _place(self, bucket: str, key: str) -> tuple[FeatureGroup | None, str]:
        """The group that a key belongs to, and what of the key is inside the group's folder."""
        folders = self._folders()
        end = key.find("/")
        while end >= 0:
            if group := folders.get((bucket, key[:end])):
                return group, key[end + 1 :]
            end = key.find("/", end + 1)
        return None, ""

    def _folders(self) -> Mapping[tuple[str, str], FeatureGroup]:
        live, deleted = self._live(), self._deleted()
        if self._groups is None or self._groups[0] is not live or self._groups[1] is not deleted:
            found = _by_folder(live)
            self._above = _above(found)
            gone = _by_folder(deleted)
            self._on_the_way = frozenset({*found, *self._above, *gone, *_above(gone)})
            self._by_folder, self._groups = found, (live, deleted)
        return self._by_folder


def _open_folders(group: FeatureGroup) -> list[str]:
    """The folders of a group into which new files may come."""
    assert group.offline is not None
    is_iceberg = group.offline.table_format is TableFormat.ICEBERG
    return [_DATA_FOLDER, _METADATA_FOLDER] if is_iceberg else [_DATA_FOLDER]


def _by_folder(groups: Sequence[FeatureGroup]) -> Mapping[tuple[str, str], FeatureGroup]:
    """The groups by bucket and folder of their history."""
    found = {}
    for group in groups:
        if group.offline is not None and group.offline.resolved_uri.startswith(_SCHEME):
            rest = group.offline.resolved_uri.removeprefix(_SCHEME)
            bucket, *parts = [part for part in rest.split("/") if part]
            found[bucket, "/".join(parts[:-1])] = group
    return found


def _above(folders: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """The folders that lead to those of the histories."""
    return frozenset(
        (bucket, folder[:end])
        for bucket, folder in folders
        for end in range(len(folder))
        if folder[end] == "/"
    )
