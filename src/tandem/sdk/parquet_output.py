"""Rows as Parquet files, on disk or in the store's own S3, batch by batch.

A destination that ends in ".parquet" becomes one file; any other is a folder, or a prefix, of
files `part-00000.parquet` and so on with a million rows each, in the rows' order. Each file is
there whole or not at all.
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.rows.parquet_rows import write_parquet
from tandem.rows.rows import Rows

_SCHEME, _ENDING = "s3://", ".parquet"
_PART_ROWS = 1_000_000

WriteObject = Callable[[str, str, Callable[[BinaryIO], object]], None]
"""Writes an object: bucket, key, and what writes its bytes."""


def write_parquet_files(
    rows: Rows, destination: str | Path, write_object: WriteObject | None
) -> list[str]:
    """Returns the paths or URIs of the files. Raises ValidationError."""
    target = str(destination)
    place: Callable[[str], Callable[[Callable[[BinaryIO], object]], None]]
    if target.startswith(_SCHEME):
        place = partial(_object_at, write_object)
        join = f"{_SCHEME}{target.removeprefix(_SCHEME).strip('/')}/"
    else:
        place = _file_at
        join = f"{target}/"
        if not target.endswith(_ENDING) and Path(target).is_dir() and any(Path(target).iterdir()):
            raise ValidationError(f"the folder {target!r} is not empty: name another one")
    if target.endswith(_ENDING):
        place(target)(partial(_write, rows.batches(), rows.schema))
        return [target]
    written = []
    for number, part in enumerate(_parts(rows)):
        path = f"{join}part-{number:05}{_ENDING}"
        place(path)(partial(_write, part, rows.schema))
        written.append(path)
    return written


def _parts(rows: Rows) -> Iterator[Iterator[pa.RecordBatch]]:
    """At least one part, each of which is read before the next is asked for."""
    batches = rows.batches()
    held = [next(batches, None)]

    def part() -> Iterator[pa.RecordBatch]:
        left = _PART_ROWS
        while (batch := held[0]) is not None and left:
            yield batch.slice(0, left)
            if batch.num_rows > left:
                held[0] = batch.slice(left)
                return
            left -= batch.num_rows
            held[0] = next(batches, None)

    yield part()
    while held[0] is not None:
        yield part()


def _write(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: BinaryIO) -> None:
    write_parquet(batches, schema, file)


def _file_at(target: str) -> Callable[[Callable[[BinaryIO], object]], None]:
    path = Path(target)

    def place(write: Callable[[BinaryIO], object]) -> None:
        temporary = path.with_name(f"_{path.name}.{secrets.token_hex(4)}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    write(file)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise ValidationError(
                f"{target!r} cannot be written ({error.strerror or error}): free some space, or"
                " name another place"
            ) from error

    return place


def _object_at(
    write_object: WriteObject | None, target: str
) -> Callable[[Callable[[BinaryIO], object]], None]:
    bucket, _, key = target.removeprefix(_SCHEME).partition("/")
    if write_object is None or not bucket or not key:
        raise ValidationError(
            f"{target!r} cannot be written: a training set goes to s3://bucket/prefix of its store"
        )
    return partial(write_object, bucket, key)
