"""Iceberg's metadata files on the local disk, each durable before the next step counts on it.

PyIceberg's own file access closes a file and leaves the rest to the system: after a power cut the
catalog could name a table version whose manifests were never on disk. Here a file and its name are
synced when it is closed, and the catalog's row comes last of all.

Locations are `s3://bucket/key`, which is the file bucket/key below the folder that the property
`tandem.s3-folder` names. So a table says the same wherever its folder is, and to those who read it
through the S3 gateway. A table that an older Tandem made has `file://` and absolute paths, and goes
on with them.
"""

from io import BytesIO
from pathlib import Path
from types import TracebackType

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from tandem.errors import DataCorrupted
from tandem.offline.durable_files import write_durably

S3_FOLDER = "tandem.s3-folder"
_SCHEME = "s3://"
_OLD_SCHEME = "file://"
_NO_NAMES = frozenset({"", ".", ".."})


def location_of(io: FileIO, path: Path) -> str:
    """The location that names a file or a folder."""
    return f"{_SCHEME}{path.relative_to(io.properties[S3_FOLDER])}"


def path_of(io: FileIO, location: str) -> Path:
    """The path of a location. Raises DataCorrupted where it lies outside the folder."""
    before = _SCHEME
    if location.startswith(_OLD_SCHEME):
        before = f"{_OLD_SCHEME}{Path(io.properties[S3_FOLDER]).resolve()}/"
    parts = location.removeprefix(before).split("/")
    if not location.startswith(before) or any(part in _NO_NAMES for part in parts):
        raise DataCorrupted(
            f"an Iceberg table names the file {location[:1_024]!r}, which is not in this store: its"
            f" files are {_SCHEME}BUCKET/KEY"
        )
    return Path(io.properties[S3_FOLDER], *parts)


class DurableFileIO(FileIO):
    """What PyIceberg reads and writes a table's metadata through."""

    def new_input(self, location: str) -> InputFile:
        return _Input(location, path_of(self, location))

    def new_output(self, location: str) -> OutputFile:
        return _Output(location, path_of(self, location))

    def delete(self, location: str | InputFile | OutputFile) -> None:
        named = location if isinstance(location, str) else location.location
        # PyIceberg removes old versions by what the commit began with; another commit that came
        # between has removed some of them already.
        path_of(self, named).unlink(missing_ok=True)


class _Input(InputFile):
    def __init__(self, location: str, path: Path) -> None:
        super().__init__(location)
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        return self._path.exists()

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002 - it always is
        try:
            return self._path.open("rb")
        except FileNotFoundError as error:
            raise DataCorrupted(
                f"the Iceberg metadata file {self._path} is missing: restore it from a backup"
            ) from error


class _Output(OutputFile):
    def __init__(self, location: str, path: Path) -> None:
        super().__init__(location)
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        return self._path.exists()

    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._path)

    def create(self, overwrite: bool = False) -> OutputStream:
        if self._path.exists() and not overwrite:
            raise FileExistsError(f"{self._path} is there already")
        return _Stream(self._path)


class _Stream:
    """The bytes of a metadata file, which become the file when the stream is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = BytesIO()

    def write(self, content: bytes) -> int:
        return self._content.write(content)

    def tell(self) -> int:
        return self._content.tell()

    def close(self) -> None:
        if not self._content.closed:
            content = self._content.getvalue()
            self._content.close()
            write_durably(self._path, content)

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._content.close()  # half a file helps nobody
        self.close()
