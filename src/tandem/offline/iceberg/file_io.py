"""Iceberg's metadata files on the local disk, each durable before the next step counts on it.

PyIceberg's own file access closes a file and leaves the rest to the system: after a power cut the
catalog could name a table version whose manifests were never on disk. Here a file and its name are
synced when it is closed, and the catalog's row comes last of all.

Locations are `file://` and the absolute path as it is, nothing in it escaped, as PyIceberg, Spark
and DuckDB read them.
"""

from io import BytesIO
from pathlib import Path
from types import TracebackType

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from tandem.errors import DataCorrupted
from tandem.offline.durable_files import write_durably

_SCHEME = "file:"


def location_of(path: Path) -> str:
    """The location that names a file or a folder, which is an absolute path."""
    return f"{_SCHEME}//{path}"


def path_of(location: str) -> Path:
    """The path of a location; of one that another program wrote as `file:/path`, too."""
    path = location.removeprefix(_SCHEME)
    return Path("/" + path.lstrip("/"))


class DurableFileIO(FileIO):
    """What PyIceberg reads and writes a table's metadata through."""

    def new_input(self, location: str) -> InputFile:
        return _Input(location)

    def new_output(self, location: str) -> OutputFile:
        return _Output(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        named = location if isinstance(location, str) else location.location
        # PyIceberg removes old versions by what the commit began with; another commit that came
        # between has removed some of them already.
        path_of(named).unlink(missing_ok=True)


class _Input(InputFile):
    def __len__(self) -> int:
        return path_of(self.location).stat().st_size

    def exists(self) -> bool:
        return path_of(self.location).exists()

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002 - it always is
        path = path_of(self.location)
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise DataCorrupted(
                f"the Iceberg metadata file {path} is missing: restore it from a backup"
            ) from error


class _Output(OutputFile):
    def __len__(self) -> int:
        return path_of(self.location).stat().st_size

    def exists(self) -> bool:
        return path_of(self.location).exists()

    def to_input_file(self) -> InputFile:
        return _Input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        path = path_of(self.location)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} is there already")
        return _Stream(path)


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
