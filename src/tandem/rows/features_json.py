"""The features JSON of whole tables of records, byte for byte as `encode_features` writes it.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]

DuckDB writes it: its text of a double is Python's `repr`, and its JSON of a text is msgspec's but
for the rare control characters, whose rows are reported.
"""
# ruff: noqa: S608  (the statements are built of quoted names)

import json
import re
from types import TracebackType
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc


class FeaturesJson(NamedTuple):
    """The JSON of each row as bytes, and the rows whose JSON is to be made in another way."""

    texts: pa.Array
    odd_rows: list[int]


class FeaturesJsonWriter:
    """Writes the JSON of tables with the same columns. Not for several threads at once."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")

    def __enter__(self) -> "FeaturesJsonWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def write(self, features: pa.Table) -> FeaturesJson:
        """The JSON of each row; its columns are values of features, in the definition's order. At
        least one has a value in every row, as a record identifier does.
        """
        statement = f"SELECT {_array(features)} AS json FROM features"
        self._connection.register("features", features)
        try:
            found = self._connection.sql(statement).to_arrow_table()
        finally:
            self._connection.unregister("features")
        texts = found.column("json").combine_chunks().cast(pa.binary())
        return FeaturesJson(texts, _odd_rows(texts))


def _odd_rows(texts: pa.Array) -> list[int]:
    """Where DuckDB writes \\u000B and msgspec \\u000b."""
    # Nearly always there is none, which the bytes of all rows tell much faster.
    if (data := texts.buffers()[2]) is None or re.search(rb"\\u00", data) is None:
        return []
    found: list[int] = pc.indices_nonzero(pc.match_substring(texts, "\\u00")).to_pylist()
    return found


def _array(features: pa.Table) -> str:
    """A call of `concat` that gives a row's array."""
    columns = [features.column(name) for name in features.column_names]
    # Beside a member that is there, the others know on which side their comma stands.
    fixed = next(index for index, column in enumerate(columns) if column.null_count == 0)
    members = []
    for index, (name, column) in enumerate(zip(features.column_names, columns, strict=True)):
        before, after = "," if index > fixed else "", "," if index < fixed else ""
        members.append(_member(name, column, before, after))
    return f"concat('[', {', '.join(members)}, ']')"


def _member(name: str, values: pa.ChunkedArray, before: str, after: str) -> str:
    """Arguments for `concat`: the feature's object, its comma; nothing where it has no value."""
    column = '"' + name.replace('"', '""') + '"'
    kind, value, quote = "ValueAsString", f"{column}::VARCHAR", '"'
    if pa.types.is_list(values.type):
        kind, value, quote = "ValueAsStringList", f"to_json({column}::VARCHAR[])::VARCHAR", ""
    elif pa.types.is_string(values.type):
        value, quote = f"to_json({column})::VARCHAR", ""
    head = f'{before}{{"FeatureName":{json.dumps(name)},"{kind}":{quote}'.replace("'", "''")
    if values.null_count == 0:
        return f"'{head}', {value}, '{quote}}}{after}'"
    return f"'{head}' || {value} || '{quote}}}{after}'"
