"""The features JSON of whole tables of records, byte for byte as `encode_features` writes it.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]

DuckDB writes it: its text of a double is Python's `repr`, and its JSON of a text is msgspec's but
for the rare control characters, whose rows are reported.
"""
# ruff: noqa: S608  (the statements are built of quoted names)

import json
from types import TracebackType
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

_END = 2**31 - 1


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
        """The JSON of each row; its columns are values of features, in the definition's order."""
        parts = [_member(field.name, features.column(field.name)) for field in features.schema]
        self._connection.register("features", features)
        try:
            statement = f"SELECT concat({', '.join(parts)}) AS json FROM features"
            found = self._connection.sql(statement).to_arrow_table()
        finally:
            self._connection.unregister("features")
        # Every member begins with a comma, since any of them may be the first.
        members = pc.binary_slice(found.column("json").combine_chunks().cast(pa.binary()), 1, _END)
        texts = pc.binary_join_element_wise(b"[", members, b"]", b"")
        # DuckDB writes \u000B where msgspec writes \u000b.
        odd = pc.match_substring(texts, "\\u00")
        return FeaturesJson(texts, pc.indices_nonzero(odd).to_pylist())


def _member(name: str, values: pa.ChunkedArray) -> str:
    """Arguments for `concat`: a comma and the feature's object; nothing where it has no value."""
    column = '"' + name.replace('"', '""') + '"'
    kind, value, quote = "ValueAsString", f"{column}::VARCHAR", '"'
    if pa.types.is_list(values.type):
        kind, value, quote = "ValueAsStringList", f"to_json({column}::VARCHAR[])::VARCHAR", ""
    elif pa.types.is_string(values.type):
        value, quote = f"to_json({column})::VARCHAR", ""
    head = f',{{"FeatureName":{json.dumps(name)},"{kind}":{quote}'.replace("'", "''")
    if values.null_count == 0:
        return f"'{head}', {value}, '{quote}}}'"
    return f"'{head}' || {value} || '{quote}}}'"
