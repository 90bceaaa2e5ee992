"""Tables in and out: any frame becomes an Arrow table, a result becomes the frame you like."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.sdk.tables import first_rows, html, plain

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


_ROWS_SHOWN_MAX = 10


class Result:
    """Rows of a query or a training set."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def to_arrow(self) -> pa.Table:
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """A pandas DataFrame. Whole numbers with nulls become pandas' Int64, not doubles."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ValidationError(
                "to_pandas() needs pandas: pip install 'tandem-feature-store[pandas]'"
            ) from error
        nullable = {pa.int64(): pd.Int64Dtype()}
        return self._table.to_pandas(types_mapper=nullable.get)

    def to_polars(self) -> "pl.DataFrame":
        try:
            import polars as pl
        except ImportError as error:
            raise ValidationError(
                "to_polars() needs Polars: pip install 'tandem-feature-store[polars]'"
            ) from error
        frame = pl.from_arrow(self._table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __repr__(self) -> str:
        return f"{plain(first_rows(self._table, _ROWS_SHOWN_MAX))}\n[{self._size()}]"

    def _repr_html_(self) -> str:
        return f"{html(first_rows(self._table, _ROWS_SHOWN_MAX))}<p>{self._size()}</p>"

    def _size(self) -> str:
        counts = ((len(self), "row"), (self._table.num_columns, "column"))
        return ", ".join(f"{count} {noun}{'s' if count != 1 else ''}" for count, noun in counts)


def to_arrow(frame: Any) -> pa.Table:
    """The Arrow table of a pandas or Polars frame, an Arrow object, a dict of columns or a list of
    dicts. Raises ValidationError for anything else.
    """
    if isinstance(frame, pa.Table):
        return frame
    try:
        if isinstance(frame, pa.RecordBatch):
            return pa.Table.from_batches([frame])
        if isinstance(frame, dict):
            return pa.table(frame)
        if isinstance(frame, list):
            for row in frame:
                if not isinstance(row, Mapping):
                    raise ValidationError(f"the row {row!r:.80} is not valid: give a dict")
            return pa.Table.from_pylist(frame)
        # pandas before the Arrow stream, since its index is not a column of ours.
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ValidationError(f"the frame cannot be read as a table: {error}") from error
    raise ValidationError(
        f"{type(frame).__name__} is not a table: give a pandas or Polars DataFrame, an Arrow table,"
        " a dict of columns or a list of dicts"
    )
