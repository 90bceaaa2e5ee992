"""How files of a catalog table are read: its SerDe and formats as a format of the engine's.

What is not supported is refused by its name.
"""

from collections.abc import Mapping

from tandem.errors import QueryFailed
from tandem.model.catalog import CatalogStorage
from tandem.query.tables import DelimitedText, FileFormat, JsonLines, ParquetFiles

OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

_HEADER_LINES = "skip.header.line.count"
_FOOTER_LINES = "skip.footer.line.count"
_CONTROL_A = "\x01"
_CODE_DIGITS_MAX = 3
_LINES_DIGITS_MAX = 9


def file_format(storage: CatalogStorage, table_parameters: Mapping[str, str]) -> FileFormat:
    """Raises QueryFailed where the SerDe is not one of those above, or is set up otherwise."""
    parameters = storage.serde_parameters
    match storage.serde:
        case serde if serde == PARQUET or (serde is None and storage.input_format == PARQUET_INPUT):
            return ParquetFiles()
        case s if s in (JSON, HIVE_JSON):
            return JsonLines()
        case s if s == OPEN_CSV:
            return DelimitedText(
                delimiter=_character(parameters, "separatorChar", ","),
                quote=_character(parameters, "quoteChar", '"'),
                escape=_character(parameters, "escapeChar", "\\"),
                header_lines=_header_lines(table_parameters),
            )
        case s if s == LAZY_SIMPLE or s is None:
            delimiter = parameters.get("field.delim", parameters.get("serialization.format"))
            return DelimitedText(
                delimiter=_delimiter(delimiter or _CONTROL_A),
                escape=_character(parameters, "escape.delim", ""),
                null=parameters.get("serialization.null.format", "\\N"),
                header_lines=_header_lines(table_parameters),
                is_lenient=True,
            )
    raise QueryFailed(
        f"NOT_SUPPORTED: the SerDe {storage.serde} is not supported: use Parquet, OpenCSVSerde,"
        " LazySimpleSerDe or a JSON SerDe"
    )


def _delimiter(text: str) -> str:
    # Hive also takes the code of a character, which is how `\\001` often comes.
    if 2 <= len(text) <= _CODE_DIGITS_MAX and text.isascii() and text.isdigit():
        return chr(int(text))
    return text


def _character(parameters: Mapping[str, str], name: str, default: str) -> str:
    found = parameters.get(name, default)
    if len(found) > 1:
        raise QueryFailed(
            f"NOT_SUPPORTED: {name} {found[:16]!r} is not supported: it has one character"
        )
    return found


def _header_lines(parameters: Mapping[str, str]) -> int:
    if parameters.get(_FOOTER_LINES, "0") != "0":
        raise QueryFailed(f"NOT_SUPPORTED: the table property {_FOOTER_LINES} is not supported")
    found = parameters.get(_HEADER_LINES, "0")
    if not (found.isascii() and found.isdigit() and len(found) <= _LINES_DIGITS_MAX):
        raise QueryFailed(f"the table property {_HEADER_LINES} {found[:16]!r} is not a number")
    return int(found)
