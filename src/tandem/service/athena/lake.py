"""The lake: files at S3 locations, as the object store has them.

* A location is `s3://bucket/folder`, with or without a "/" behind. It is never outside its bucket.
* A file appears whole. What a statement writes it names by its own id, so nothing is replaced.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tandem.errors import QueryFailed, ValidationError
from tandem.offline.objects import ObjectStore
from tandem.offline.objects.checksums import MD5
from tandem.offline.objects.details import Details
from tandem.offline.objects.keys import is_bucket_name
from tandem.offline.objects.listing import LakeFile
from tandem.offline.objects.staging import StagedFile

_SCHEMES = ("s3://", "s3a://", "s3n://")


class Location(NamedTuple):
    """`folder` has no "/" in front, and one behind unless it is the bucket itself."""

    bucket: str
    folder: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.folder}"

    def file(self, name: str) -> "FilePlace":
        return FilePlace(self.bucket, self.folder + name)

    def below(self, folder: str) -> "Location":
        return Location(self.bucket, f"{self.folder}{folder}/")


class FilePlace(NamedTuple):
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def location_of(uri: str) -> Location:
    """Raises ValidationError where the URI is not of the form s3://bucket/folder."""
    scheme = next((scheme for scheme in _SCHEMES if uri.lower().startswith(scheme)), None)
    bucket, _, folder = uri[len(scheme or "") :].partition("/")
    if scheme is None or not is_bucket_name(bucket):
        raise ValidationError(f"{uri[:128]!r} is not an S3 location: write s3://bucket/folder/")
    folder = folder.strip("/")
    segments = folder.split("/") if folder else []
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValidationError(
            f"{uri[:128]!r} is not an S3 location: a folder in it is empty, '.' or '..'"
        )
    return Location(bucket, f"{folder}/" if folder else "")


class Lake:
    """`objects` gives the object store, which is opened when it is needed first."""

    def __init__(self, objects: Callable[[], ObjectStore]) -> None:
        self._objects = objects

    def has_bucket(self, name: str) -> bool:
        return self._objects().buckets.exists(name)

    def files(self, location: Location) -> list[LakeFile]:
        """The files below a location, by key, without those whose name, or whose folder's below
        the location, begins with "_" or ".".
        """
        if not self.has_bucket(location.bucket):
            raise QueryFailed(
                f"HIVE_METASTORE_ERROR: the bucket of {location} does not exist: create it, or look"
                " at the name"
            )
        start = len(location.folder)
        return [
            file
            for file in self._objects().files(location.bucket, location.folder)
            if not any(part.startswith(("_", ".")) for part in file.key[start:].split("/"))
        ]

    def holds_anything(self, location: Location) -> bool:
        """Whether there is any file below a location, or at its name."""
        return bool(self._objects().files(location.bucket, location.folder))

    def is_history(self, location: Location) -> bool:
        """Whether a location is in the folder of a feature group's history."""
        return self._objects().is_history(location.bucket, location.folder)

    def new_file(self) -> StagedFile:
        """A file that is written before it has a name; to be closed in every case."""
        return self._objects().staging.new_file()

    def check_writable(self, place: FilePlace) -> None:
        """Raises what `publish` would."""
        self._objects().check_writable(place.bucket, place.key)

    def publish(self, place: FilePlace, staged: StagedFile, content_type: str) -> None:
        etag = staged.finish()[MD5].hex()
        details = Details(headers={"content-type": content_type})
        self._objects().publish(place.bucket, place.key, staged, etag, details)

    def write(self, place: FilePlace, parts: Iterable[bytes], content_type: str) -> int:
        """Writes a file; returns its size in bytes."""
        staged = self.new_file()
        try:
            for part in parts:
                staged.write(part)
            self.publish(place, staged, content_type)
            return staged.size
        finally:
            staged.close()

    def read(self, place: FilePlace, offset: int, size: int) -> bytes:
        """Raises ResourceNotFound where there is no such file."""
        with self._objects().open(place.bucket, place.key) as found:
            return found.read(offset, size)

    def delete(self, place: FilePlace) -> None:
        self._objects().delete(place.bucket, place.key)
