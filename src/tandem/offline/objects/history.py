"""Which objects are the history of a feature group, and what may be done to them.

    {prefix}/…/{name}-{epoch}/           the folder of a group that is not deleted
        data/, metadata/                 may be read; new files may come; none changes or goes
        _log/                            may be read; nothing comes
        …/_temporary/…, …/.x             names with "_" or "." in front: what writers need meanwhile

A file that is replaced or deleted would change what training sets and queries found before. Once
its group is deleted, a history is nobody's: then its files may be deleted like any other.

Nor may an object stand where delivery needs a folder. So the folders that lead to a history are no
objects, and in a history a new file has a name with a dot, which no folder of Tandem's has.
"""

from collections.abc import Callable, Mapping, Sequence

from tandem.model.feature_group import FeatureGroup
from tandem.offline.objects.errors import HistoryProtected

_SCHEME = "s3://"
_ARCHIVE_FOLDER = "_log"
_PASSING = ("_", ".")


class HistoryGuard:
    """`live` gives the groups that are not deleted: the same object until something changes."""

    def __init__(self, live: Callable[[], Sequence[FeatureGroup]]) -> None:
        self._live = live
        self._groups: Sequence[FeatureGroup] = ()
        self._names: Mapping[tuple[str, str], str] = {}
        self._above: frozenset[tuple[str, str]] = frozenset()

    def buckets(self) -> set[str]:
        """Buckets that groups keep their history in, whether anything is delivered yet or not."""
        return {bucket for bucket, _ in self._folders()}

    def check(self, bucket: str, key: str, *, exists: bool) -> None:
        """Raises HistoryProtected where this key must not be written or deleted."""
        group, inside = self._place(bucket, key)
        if group is None:
            if (bucket, key) in self._above or (bucket, key) in self._names:
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
        groups = self._live()
        if groups is not self._groups:
            names = {}
            for group in groups:
                if group.offline is not None and group.offline.resolved_uri.startswith(_SCHEME):
                    rest = group.offline.resolved_uri.removeprefix(_SCHEME)
                    bucket, *parts = [part for part in rest.split("/") if part]
                    names[bucket, "/".join(parts[:-1])] = group.name
            self._above = frozenset(
                (bucket, folder[:end])
                for bucket, folder in names
                for end in range(len(folder))
                if folder[end] == "/"
            )
            self._names, self._groups = names, groups
        return self._names
