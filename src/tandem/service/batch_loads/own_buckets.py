"""The store's own buckets as a place for batch loads. Nothing is reached through a link."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.batch_load import ListedFile
from tandem.offline.objects import ObjectStore
from tandem.offline.objects.keys import is_folder
from tandem.service.batch_loads.place import Place, check_unchanged, is_gone
from tandem.service.batch_loads.uris import bucket_and_key

FAILED_ROWS_BUCKET = "tandem-batch-loads"
"""Made when the first rows go there."""


class OwnBuckets(Place):
    """`objects` gives the object store, which is opened when it is needed first."""

    def __init__(self, objects: Callable[[], ObjectStore]) -> None:
        self._objects = objects

    def covers(self, uri: str) -> bool:
        bucket, _ = bucket_and_key(uri)
        return bucket == FAILED_ROWS_BUCKET or self._objects().buckets.exists(bucket)

    def find(self, uri: str) -> ListedFile | None:
        bucket, key = bucket_and_key(uri)
        if not key or is_folder(key):
            return None
        try:
            found = self._objects().info(bucket, key)
        except (ResourceNotFound, ValidationError):
            return None  # there is none, or no file can have this name
        return ListedFile(uri, found.identity.size, str(found.identity.mtime_ns))

    def below(self, folder: str) -> list[ListedFile]:
        bucket, prefix = bucket_and_key(folder)
        if not self._objects().buckets.exists(bucket):
            return []
        uris = [f"s3://{bucket}/{one.key}" for one in self._objects().files(bucket, prefix)]
        return [found for uri in uris if (found := self.find(uri)) is not None]

    @contextmanager
    def open(self, file: ListedFile) -> Iterator[Any]:
        try:
            found = self._objects().open(*bucket_and_key(file.uri))
        except ResourceNotFound:
            raise is_gone(file) from None
        with found:
            assert found.descriptor is not None  # only a folder has none
            check_unchanged(file, *_state(found.descriptor))
            with os.fdopen(os.dup(found.descriptor), "rb", buffering=0) as opened:
                yield opened
            # An object is replaced as a whole, but a program on this machine may write into it.
            check_unchanged(file, *_state(found.descriptor))

    def write(self, uri: str, write: Callable[[BinaryIO], object]) -> None:
        bucket, key = bucket_and_key(uri)
        objects = self._objects()
        if bucket == FAILED_ROWS_BUCKET and not objects.buckets.exists(bucket):
            objects.buckets.create(bucket)
        objects.put(bucket, key, write)


def _state(descriptor: int) -> tuple[int, str]:
    found = os.fstat(descriptor)
    return found.st_size, str(found.st_mtime_ns)
