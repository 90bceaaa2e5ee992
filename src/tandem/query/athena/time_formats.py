"""The three ways in which Athena writes formats of times, as the one of DuckDB (strftime)."""

import re

from tandem.errors import QueryFailed

_MYSQL = {
    "%a": "%a",
    "%b": "%b",
    "%c": "%-m",
    "%d": "%d",
    "%e": "%-d",
    "%f": "%f",
    "%H": "%H",
    "%h": "%I",
    "%I": "%I",
    "%i": "%M",
    "%j": "%j",
    "%k": "%-H",
    "%l": "%-I",
    "%M": "%B",
    "%m": "%m",
    "%p": "%p",
    "%r": "%I:%M:%S %p",
    "%S": "%S",
    "%s": "%S",
    "%T": "%H:%M:%S",
    "%v": "%V",
    "%W": "%A",
    "%x": "%G",
    "%Y": "%Y",
    "%y": "%y",
    "%%": "%%",
}
_JODA = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "y": "%Y",
    "Y": "%Y",
    "yy": "%y",
    "xxxx": "%G",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "EEEE": "%A",
    "EEE": "%a",
    "EE": "%a",
    "E": "%a",
    "e": "%u",
    "ww": "%V",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSSSSS": "%f",
    "SSS": "%g",
    "a": "%p",
    "Z": "%z",
    "ZZ": "%z",
    "z": "%Z",
    "ZZZ": "%Z",
}
_TERADATA = {
    "yyyy": "%Y",
    "yy": "%y",
    "mm": "%m",
    "dd": "%d",
    "hh24": "%H",
    "hh": "%I",
    "mi": "%M",
    "ss": "%S",
}
_MYSQL_PART = re.compile(r"%.|[^%]+|%", re.DOTALL)
_JODA_PART = re.compile(r"'(?:[^']|'')*'|([a-zA-Z])\1*|[^a-zA-Z']+|'")
_TERADATA_PART = re.compile(r"yyyy|hh24|yy|mm|dd|hh|mi|ss|[-/,.;: ]", re.IGNORECASE)


def from_mysql(pattern: str) -> str:
    """Of date_format and date_parse: `%Y-%m-%d %H:%i:%s`. Raises QueryFailed."""
    made = []
    for part in _MYSQL_PART.findall(pattern):
        if not part.startswith("%"):
            made.append(part)
        elif part in _MYSQL:
            made.append(_MYSQL[part])
        elif part[1:] and part not in ("%D", "%U", "%u", "%V", "%w", "%X"):
            made.append(part[1:])  # what stands for nothing stands for itself
        else:
            raise _unsupported(part, pattern)
    return "".join(made)


def from_joda(pattern: str) -> str:
    """Of format_datetime and parse_datetime: `yyyy-MM-dd'T'HH:mm:ss`. Raises QueryFailed."""
    made = []
    for found in _JODA_PART.finditer(pattern):
        part = found.group()
        if part == "''":
            made.append("'")
        elif part.startswith("'"):
            made.append(part[1:-1].replace("''", "'").replace("%", "%%"))
        elif not part[0].isalpha():
            made.append(part.replace("%", "%%"))
        elif part in _JODA:
            made.append(_JODA[part])
        else:
            raise _unsupported(part, pattern)
    return "".join(made)


def from_teradata(pattern: str) -> str:
    """Of to_timestamp, to_date and to_char: `yyyy-mm-dd hh24:mi:ss`. Raises QueryFailed."""
    made, end = [], 0
    while end < len(pattern):
        found = _TERADATA_PART.match(pattern, end)
        if found is None:
            raise _unsupported(pattern[end:], pattern)
        made.append(_TERADATA.get(found.group().lower(), found.group()))
        end = found.end()
    return "".join(made)


def _unsupported(part: str, pattern: str) -> QueryFailed:
    return QueryFailed(
        f"INVALID_FUNCTION_ARGUMENT: {part!r} in the format {pattern!r} is not supported"
    )
