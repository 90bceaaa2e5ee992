"""Tables in and out: any frame becomes an Arrow table, a result becomes the frame you like."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.rows.plain_text import with_plain_text
from tandem.rows.rows import Rows, SelectedRows, TableRows
from tandem.sdk import parquet_output
from tandem.sdk.row_batches import row_batches
from tandem.sdk.tables import first_rows, html, plain

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


_ROWS_SHOWN_MAX = 10


class Result:
    """Rows of a query or a training set. Those that do not fit the memory are in a file, and only
    `to_parquet` and `batches` read them piece by piece.

    write_object    writes to the S3 of the store that the rows are from
    """

    def __init__(
        self, rows: Rows | pa.Table, write_object: parquet_output.WriteObject | None = None
    ) -> None:
        self._rows = rows if isinstance(rows, Rows) else TableRows(rows)
        self._write_object = write_object

    @property
    def column_names(self) -> list[str]:
        return list(self._rows.schema.names)

    def select(self, columns: Sequence[str]) -> "Result":
        """The same rows with these columns alone, in this order. Raises ValidationError."""
        for name in columns:
            if self.column_names.count(name) != 1:
                raise ValidationError(f"there is no column {name!r}; there are {self.column_names}")
        return Result(SelectedRows(self._rows, columns), self._write_object)

    def to_arrow(self) -> pa.Table:
        return self._rows.to_table()

    def batches(self, size: int, format: str = "arrow") -> Iterator[Any]:  # noqa: A002
        """Batches of `size` rows, the last one maybe smaller.

        format  "arrow": RecordBatches; "numpy", "torch": a dict of an array or a tensor by column
        """
        return row_batches(self._rows, size, format)

    def to_parquet(self, destination: str | Path) -> list[str]:
        """Writes Parquet, piece by piece: to one file, where the name ends in ".parquet", or to a
        folder. Either may be in the store's own S3: `s3://bucket/prefix`. Returns what was
        written. Raises ValidationError, and StoreUnavailable where the store cannot take it.
        """
        return parquet_output.write_parquet_files(self._rows, destination, self._write_object)

    def to_pandas(self) -> "pd.DataFrame":
        """A pandas DataFrame. Whole numbers with nulls become pandas' Int64, not doubles."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ValidationError(
                "to_pandas() needs pandas: pip install 'tandem-feature-store[pandas]'"
            ) from error
        nullable = {pa.int64(): pd.Int64Dtype()}
        return self.to_arrow().to_pandas(types_mapper=nullable.get)

    def to_polars(self) -> "pl.DataFrame":
        try:
            import polars as pl
        except ImportError as error:
            raise ValidationError(
                "to_polars() needs Polars: pip install 'tandem-feature-store[polars]'"
            ) from error
        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def __len__(self) -> int:
        return self._rows.count

    def __repr__(self) -> str:
        return f"{plain(first_rows(self._first(), _ROWS_SHOWN_MAX))}\n[{self._size()}]"

    def _repr_html_(self) -> str:
        return f"{html(first_rows(self._first(), _ROWS_SHOWN_MAX))}<p>{self._size()}</p>"

    def _first(self) -> pa.Table:
        first = next(self._rows.batches(rows_max=_ROWS_SHOWN_MAX), None)
        return pa.Table.from_batches([] if first is None else [first], self._rows.schema)

    def _size(self) -> str:
        counts = ((len(self), "row"), (len(self.column_names), "column"))
        return ", ".join(f"{count} {noun}{'s' if count != 1 else ''}" for count, noun in counts)


def to_arrow(frame: Any) -> pa.Table:
    """The Arrow table of a pandas or Polars frame, an Arrow object, a dict of columns or a list of
    dicts. Raises ValidationError for anything else.
    """
    return with_plain_text(_table_of(frame))


def _table_of(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    try:
        if isinstance(frame, pa.RecordBatch):
            return pa.Table.from_batches([frame])
        if isinstance(frame, dict):
            return pa.table(frame)
        if isinstance(frame, list):
            return _table_of_rows(frame)
        # pandas before the Arrow stream, since its index is not a column of ours.
        if type(frame).__module__.partition(".")[0] == "pandas":
            if hasattr(frame, "columns"):  # a series has none
                return pa.Table.from_pandas(frame, preserve_index=False)
        elif hasattr(frame, "__arrow_c_stream__"):
            _check_no_objects(frame)
            return pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ValidationError(f"the frame cannot be read as a table: {error}") from error
    raise ValidationError(
        f"{type(frame).__name__} is not a table: give a pandas or Polars DataFrame, an Arrow table,"
        " a dict of columns or a list of dicts"
    )


def _check_no_objects(frame: Any) -> None:
    # Polars hands over the addresses of Python's objects in their place.
    schema = getattr(frame, "schema", None)
    for name, kind in schema.items() if isinstance(schema, Mapping) else ():
        if str(kind) == "Object":
            raise ValidationError(f"column {name!r} holds objects of Python's: convert it first")


def _table_of_rows(rows: list[Any]) -> pa.Table:
    """A column for each name that any row has; Arrow itself would look at the first row alone."""
    names: dict[str, None] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValidationError(f"the row {row!r:.80} is not valid: give a dict")
        names.update(dict.fromkeys(row))
    if rows and not names:
        raise ValidationError("the rows are empty: give dicts of names and values")
    return pa.table({name: [row.get(name) for row in rows] for name in names})
