"""S3 of somebody else as a place for batch loads: prefixes that a setting names, and no others.

Endpoint and credentials are the server's own: a setting, the environment, or the machine's role. A
request cannot name them.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import pyarrow.fs

from tandem.errors import AccessForbidden, StoreUnavailable
from tandem.model.batch_load import ListedFile
from tandem.service.batch_loads.place import Place, check_unchanged, is_gone
from tandem.service.batch_loads.uris import SCHEME

_PIECE_BYTES = 8 << 20


class S3(Place):
    """`allowed` are prefixes, as s3://bucket/folder; `endpoint` is a URL, empty for AWS's."""

    def __init__(self, allowed: Sequence[str], endpoint: str) -> None:
        self._allowed = [f"{prefix.rstrip('/')}/" for prefix in allowed]
        self._endpoint = endpoint

    def covers(self, uri: str) -> bool:
        return f"{uri.rstrip('/')}/".startswith(tuple(self._allowed))

    def find(self, uri: str) -> ListedFile | None:
        with _named(uri):
            (found,) = self._files.get_file_info([_path(uri)])
        return _listed(found) if found.is_file and not uri.endswith("/") else None

    def below(self, folder: str) -> list[ListedFile]:
        selector = pyarrow.fs.FileSelector(
            _path(folder).rstrip("/"), recursive=True, allow_not_found=True
        )
        with _named(folder):
            found = self._files.get_file_info(selector)
        # An object whose name ends in "/" stands for a folder.
        files = [one for one in found if one.is_file and not one.path.endswith("/")]
        # Times in listings of some servers are in a form that the client does not read.
        listed = (
            _listed(one) if one.mtime_ns > 0 else self.find(SCHEME + one.path) for one in files
        )
        return [one for one in listed if one is not None]

    @contextmanager
    def open(self, file: ListedFile) -> Iterator[Any]:
        self._check(file)
        with self._files.open_input_file(_path(file.uri)) as opened:
            yield opened
        self._check(file)

    def write(self, uri: str, write: Callable[[BinaryIO], object]) -> None:
        # Written here first: an upload that breaks off must not leave half an object.
        with tempfile.TemporaryFile() as file:
            write(cast("BinaryIO", file))
            file.seek(0)
            with _named(uri), self._files.open_output_stream(_path(uri)) as output:
                shutil.copyfileobj(file, output, _PIECE_BYTES)

    def _check(self, file: ListedFile) -> None:
        found = self.find(file.uri)
        if found is None:
            raise is_gone(file)
        check_unchanged(file, found.size_bytes, found.version)

    @cached_property
    def _files(self) -> pyarrow.fs.S3FileSystem:
        # The region of the environment, since the client looks no further than the profile's.
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not self._endpoint:
            return pyarrow.fs.S3FileSystem(region=region)
        url = urlsplit(self._endpoint)
        return pyarrow.fs.S3FileSystem(
            endpoint_override=url.netloc, scheme=url.scheme, region=region
        )


def _path(uri: str) -> str:
    return uri.removeprefix(SCHEME)


def _listed(found: pyarrow.fs.FileInfo) -> ListedFile:
    # Some servers tell a fraction of the second in listings, but HTTP's headers have none.
    return ListedFile(SCHEME + found.path, found.size, str(found.mtime_ns // 1_000_000_000))


@contextmanager
def _named(uri: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if "ACCESS_DENIED" in str(error):
            raise AccessForbidden(
                f"{uri} is closed to the store's own credentials, which are those of its process:"
                f" {error}"
            ) from error
        raise StoreUnavailable(f"{uri} cannot be reached: {error}") from error
