"""Tables in files: CSV, Parquet and JSON lines, read as the features of a group.

Text formats have no types of their own. What a feature's cell says is kept as it is written, so
that `007` stays `007` where the feature is a String, and `89.50` stays `89.50`; an empty cell is no
value.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup, FeatureType

_BATCH_ROWS = 1 << 16
_BLOCK_BYTES = 16 << 20
"""A row may not be longer; the largest record has 350 KB, which text may write down longer."""


class FileForm(StrEnum):
    """How a table is written down."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"


_FORMS = {
    ".csv": FileForm.CSV,
    ".tsv": FileForm.CSV,
    ".parquet": FileForm.PARQUET,
    ".pq": FileForm.PARQUET,
    ".jsonl": FileForm.JSON_LINES,
    ".ndjson": FileForm.JSON_LINES,
}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file wherever it lies.

    name        a path or a URI; its ending tells how the table is written, unless `form` does
    open        a file object of pyarrow's or of Python's, to read from any position
    delimiter   what separates the cells of CSV; None: a comma, or a tab where the name ends in .tsv
    """

    name: str
    open: Callable[[], AbstractContextManager[Any]]
    form: FileForm | None = None
    delimiter: str | None = None


def local_file(path: Path) -> TableFile:
    return TableFile(str(path), lambda: pa.OSFile(str(path), "rb"))


def form_of(name: str) -> FileForm:
    """How the table in a file of this name is written. Raises ValidationError."""
    ending = PurePosixPath(name).suffix.lower()
    if ending not in _FORMS:
        raise ValidationError(
            f"{name} ends in {ending!r}: give a file that ends in {', '.join(_FORMS)}"
        )
    return _FORMS[ending]


def read_table(path: Path, group: FeatureGroup | None = None) -> pa.Table:
    """The table in a file, by its ending: rows of `group`, or a sample whose types are those that
    its cells suggest.

    Raises ValidationError that names the file.
    """
    with _errors_named(str(path)):
        pieces = list(_pieces(local_file(path), group))
        return pa.concat_tables(pieces, promote_options="default")


def iterate_tables(file: TableFile, group: FeatureGroup) -> Iterator[pa.Table]:
    """The rows of a file, as of `read_table`, piece by piece. The first piece is empty: it has the
    columns. Raises ValidationError.
    """
    with _errors_named(file.name):
        yield from _pieces(file, group)


def count_rows(files: Sequence[TableFile]) -> int | None:
    """How many rows the files have; None where only reading them would tell. Raises ValidationError
    where one of them does not exist, has another ending or is no whole Parquet file.
    """
    counts = []
    for file in files:
        with _errors_named(file.name):
            form = file.form or form_of(file.name)
            with file.open() as opened:
                if form is FileForm.PARQUET:
                    counts.append(pa.parquet.read_metadata(opened).num_rows)
    return sum(counts) if len(counts) == len(files) else None


def _pieces(file: TableFile, group: FeatureGroup | None) -> Iterator[pa.Table]:
    """At least one, so that there is a schema."""
    form = file.form or form_of(file.name)
    with file.open() as opened:
        if form is FileForm.PARQUET:
            # Read ahead, a row group of a million rows would be in memory whole.
            with pa.parquet.ParquetFile(opened, pre_buffer=False) as parquet:
                yield parquet.schema_arrow.empty_table()
                for batch in parquet.iter_batches(_BATCH_ROWS):
                    yield pa.Table.from_batches([batch])
        elif form is FileForm.JSON_LINES:
            with _open_json_lines(opened, group) as reader:
                yield from _batches_of(reader)
        else:
            is_tabs = file.name.lower().endswith(".tsv")
            delimiter = file.delimiter or ("\t" if is_tabs else ",")
            with _open_csv(opened, group, delimiter) as reader:
                for piece in _batches_of(reader):
                    yield _as_group_writes_it(piece, group)


def _batches_of(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


@contextmanager
def _errors_named(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{name} cannot be read: {error}") from error


def _open_csv(opened: Any, group: FeatureGroup | None, delimiter: str) -> pa.RecordBatchReader:
    features = group.features if group is not None else ()
    return pa.csv.open_csv(
        opened,
        read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={feature.name: pa.string() for feature in features},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _as_group_writes_it(table: pa.Table, group: FeatureGroup | None) -> pa.Table:
    for index, name in enumerate(table.column_names if group is not None else ()):
        assert group is not None
        column = _as_features_are_written(table.column(index), group, name)
        table = table.set_column(index, name, column)
    return table


def _as_features_are_written(
    column: pa.ChunkedArray, group: FeatureGroup, name: str
) -> pa.ChunkedArray:
    """What pandas writes in another form than features have is rewritten."""
    feature = group.features_by_name.get(name)
    rules: Sequence[tuple[str, str]] = ()
    if feature is not None and feature.type is FeatureType.INTEGRAL:
        rules = _WHOLE_NUMBERS
    elif name == group.event_time_name and group.event_time.type is FeatureType.STRING:
        rules = _MOMENTS
    for pattern, replacement in rules:
        column = pa.compute.replace_substring_regex(column, pattern, replacement)
    return column


_WHOLE_NUMBERS = (
    (r"^(?i:true)$", "1"),
    (r"^(?i:false)$", "0"),
    (r"^([+-]?\d+)\.0+$", r"\1"),  # a column with gaps is one of doubles there
)
_MOMENTS = (
    (r"^(\d{4}-\d\d-\d\d) (\d\d:.*)$", r"\1T\2"),
    (r"^(\d{4}-\d\d-\d\d)$", r"\1T00:00:00Z"),
)


def _open_json_lines(opened: Any, group: FeatureGroup | None) -> pa.RecordBatchReader:
    # Left to itself, the reader takes a text that looks like a date for a timestamp.
    texts = [
        (feature.name, pa.string())
        for feature in (group.features if group is not None else ())
        if feature.type is FeatureType.STRING and feature.collection is None
    ]
    return pa.json.open_json(
        opened,
        read_options=pa.json.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa.json.ParseOptions(explicit_schema=pa.schema(texts) if texts else None),
    )
