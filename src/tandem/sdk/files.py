"""Tables in files: CSV, Parquet and JSON lines, read as the features of a group.

Text formats have no types of their own. A column that is a feature is read in the feature's type,
so `007` stays `007` where the feature is a String; an empty cell is no value.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition
from tandem.rows.history_rows import arrow_type

_PARQUET = (".parquet", ".pq")
_JSON_LINES = (".jsonl", ".ndjson")
_CSV = (".csv", ".tsv")


def read_table(path: Path, features: Sequence[FeatureDefinition] = ()) -> pa.Table:
    """The table in a file, by its ending. Raises ValidationError that names the file."""
    endings = [*_CSV, *_PARQUET, *_JSON_LINES]
    ending = path.suffix.lower()
    if ending not in endings:
        raise ValidationError(f"{path} ends in {ending!r}: give a file that ends in {endings}")
    types = {feature.name: arrow_type(feature) for feature in features}
    try:
        if ending in _PARQUET:
            return pa.parquet.read_table(path)
        if ending in _JSON_LINES:
            return _read_json_lines(path, types)
        return _read_csv(path, types, "\t" if ending == ".tsv" else ",")
    except (pa.ArrowException, OSError) as error:
        raise ValidationError(f"{path} cannot be read: {error}") from error


def _read_csv(path: Path, types: dict[str, pa.DataType], delimiter: str) -> pa.Table:
    return pa.csv.read_csv(
        path,
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True
        ),
    )


def _read_json_lines(path: Path, types: dict[str, pa.DataType]) -> pa.Table:
    schema = pa.schema(list(types.items())) if types else None
    return pa.json.read_json(path, parse_options=pa.json.ParseOptions(explicit_schema=schema))
