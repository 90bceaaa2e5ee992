"""Where batch loads may read and write, and which files are at a location.

    s3://bucket/…       a prefix that the setting batch_load_s3 names, else the store's own buckets
    /folder/…           the folders that the setting batch_load_folders names

A location is a file, a folder, or a pattern. Of a folder and a pattern, files come in the order of
their names; names that begin with "_" or "." are passed over, as what writers leave beside data.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tandem.errors import AccessForbidden, ResourceLimitExceeded, ResourceNotFound, ValidationError
from tandem.model.batch_load import ListedFile
from tandem.service.batch_loads.own_buckets import OwnBuckets
from tandem.service.batch_loads.place import Place
from tandem.service.batch_loads.s3 import S3
from tandem.service.batch_loads.server_folders import ServerFolders
from tandem.service.batch_loads.uris import (
    SCHEME,
    bucket_and_key,
    check_uri,
    matches,
    split_pattern,
)

FILES_MAX = 10_000
FAILED_ROWS_ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedPlaces:
    """What settings allow: folders of the server, prefixes of S3 and its endpoint."""

    folders: Sequence[Path] = ()
    s3_prefixes: Sequence[str] = ()
    s3_endpoint: str = ""


class Places:
    def __init__(self, own: OwnBuckets, allowed: AllowedPlaces) -> None:
        self._own = own
        self._s3 = S3(allowed.s3_prefixes, allowed.s3_endpoint)
        self._folders = ServerFolders(allowed.folders)
        self._allowed = allowed

    def files(self, location: str) -> tuple[ListedFile, ...]:
        """The files at a location; at least one. Raises ValidationError, AccessForbidden where it
        is not allowed, ResourceNotFound where there is nothing.
        """
        check_uri(location, "location")
        base, pattern = split_pattern(location)
        place = self._place(base)
        if (found := place.find(location)) is not None:
            return (found,)
        if pattern is None:
            base = f"{base.rstrip('/')}/"
        # A folder's files are named as they resolve.
        start = len(base if place is not self._folders else f"{Path(base).resolve()}/")
        files = [
            file
            for file in sorted(place.below(base), key=lambda one: one.uri)
            if _is_data(file.uri[start:])
            and (pattern is None or matches(file.uri[start:], pattern))
        ]
        if not files:
            raise ResourceNotFound(
                f"there is no file at {location!r}: look at the name; for names that begin alike,"
                " write a pattern, as 'part-*'"
            )
        if len(files) > FILES_MAX:
            raise ResourceLimitExceeded(
                f"there are {len(files)} files at {location!r}, and a load has {FILES_MAX} at most:"
                " load a part of them at a time"
            )
        return tuple(files)

    def allows(self, location: str) -> bool:
        """Whether this process may read a location that another one may."""
        try:
            self._place(split_pattern(location)[0])
        except AccessForbidden:
            return False
        return True

    def check_new_file(self, uri: str) -> None:
        """Raises ValidationError or AccessForbidden where failed rows cannot go there."""
        check_uri(uri, "failed_rows")
        if not uri.endswith(FAILED_ROWS_ENDINGS):
            raise ValidationError(
                f"failed_rows {uri[:128]!r} is not valid: name a file that ends in"
                f" {' or '.join(FAILED_ROWS_ENDINGS)}"
            )
        if self._place(uri).find(uri) is not None:
            raise ValidationError(f"failed_rows {uri[:128]!r} is there already: name another file")

    def open(self, file: ListedFile) -> AbstractContextManager[Any]:
        return self._place(file.uri).open(file)

    def write(self, uri: str, write: Callable[[BinaryIO], object]) -> None:
        self._place(uri).write(uri, write)

    def _place(self, uri: str) -> Place:
        if not uri.startswith(SCHEME):
            if self._folders.covers(uri):
                return self._folders
            raise AccessForbidden(
                f"{uri!r} is outside the folders that the setting batch_load_folders allows, which"
                f" are {[str(folder) for folder in self._allowed.folders]}: add the folder there"
            )
        if self._s3.covers(uri):
            return self._s3
        if self._own.covers(uri):
            return self._own
        raise AccessForbidden(
            f"{uri!r} is in no bucket of this store ({bucket_and_key(uri)[0]!r} is none), and"
            " outside the prefixes that the setting batch_load_s3 allows, which are"
            f" {list(self._allowed.s3_prefixes)}: add the prefix there, or create the bucket"
        )


def _is_data(path: str) -> bool:
    return not any(segment.startswith(("_", ".")) for segment in path.split("/"))
