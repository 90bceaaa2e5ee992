"""Functions of text, of bytes and of URLs."""

import re
from collections.abc import Sequence

from sqlglot import exp

from tandem.query.athena.failures import not_supported
from tandem.query.athena.functions.definition import (
    Call,
    Function,
    like_argument,
    named,
    quoted_text,
    returns,
    template,
)
from tandem.query.athena.types import (
    BIGINT,
    BOOLEAN,
    INTEGER,
    VARBINARY,
    VARCHAR,
    Type,
    array_of,
    is_array,
)

_MANY = 1_000
_FORMAT_PARTS = re.compile(r"%(?:(?P<flags>[-+ 0,(#]*)(?P<size>\d*(?:\.\d+)?)(?P<kind>[a-zA-Z])|%)")
_URL = (
    r"^(?:([^:/?#]+):)?(?://(?:[^/?#@]*@)?([^/?#:]*)(?::([0-9]+))?)?"
    r"([^?#]*)(?:\?([^#]*))?(?:#(.*))?"
)
"""Protocol, host, port, path, query and fragment."""


def _concat(call: Call) -> str:
    """Null where any part is, while DuckDB's concat leaves nulls out."""
    return "(" + " || ".join(call.arguments) + ")"


def _concat_type(types: Sequence[Type]) -> Type:
    return types[0] if is_array(types[0]) else VARCHAR


def _concat_with(call: Call) -> str:
    separator, *parts = call.arguments
    if len(parts) == 1 and is_array(call.types[1]):
        return f"array_to_string({parts[0]}, {separator})"
    return f"concat_ws({', '.join(call.arguments)})"


def _format(call: Call) -> str:
    """Java's `%s`, `%d`, `%.2f`: each argument is brought to what its place expects."""
    pattern = call.literal(0)
    kinds = [found for found in _FORMAT_PARTS.finditer(pattern) if found["kind"]]
    if len(kinds) != len(call.arguments) - 1:
        raise not_supported(call.node, f"a format of {len(kinds)} values with another number")
    made, last = [], 0
    for found in _FORMAT_PARTS.finditer(pattern):
        made.append(_escaped(pattern[last : found.start()]))
        made.append(_format_part(call, found))
        last = found.end()
    made.append(_escaped(pattern[last:]))
    values = [
        f"CAST({value} AS {_FORMAT_TYPES[found['kind'].lower()]})"
        for value, found in zip(call.arguments[1:], kinds, strict=True)
    ]
    return f"format({', '.join([quoted_text(''.join(made)), *values])})"


_FORMAT_TYPES = {
    "b": "VARCHAR",
    "d": "BIGINT",
    "e": "DOUBLE",
    "f": "DOUBLE",
    "g": "DOUBLE",
    "s": "VARCHAR",
    "x": "BIGINT",
}


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _format_part(call: Call, found: re.Match[str]) -> str:
    kind = found["kind"]
    if kind is None:
        return "%"
    if kind.lower() not in _FORMAT_TYPES or set(found["flags"]) & set("(#"):
        raise not_supported(call.node, f"the format {found.group()!r}")
    flags = found["flags"]
    is_text = kind.lower() in "sb"
    align = "<" if "-" in flags else (">" if is_text and found["size"] else "")
    sign = "+" if "+" in flags else (" " if " " in flags else "")
    zero = "0" if "0" in flags else ""
    size, _, precision = found["size"].partition(".")
    group = "," if "," in flags else ""
    if precision:
        precision = "." + precision
    elif kind.lower() in "efg":
        precision = ".6"
    if group and kind == "f":
        raise not_supported(call.node, f"the format {found.group()!r}")
    shown = "s" if is_text else kind
    return "{:" + align + sign + zero + size + group + precision + shown + "}"


def _regexp_extract(call: Call) -> str:
    text, pattern = call.arguments[:2]
    group = call.arguments[2] if len(call.arguments) == 3 else "0"
    # Null, not an empty text, where nothing matches.
    return f"list_extract(regexp_extract_all({text}, {pattern}, {group}), 1)"


def _regexp_replace(call: Call) -> str:
    text, pattern = call.arguments[:2]
    if len(call.arguments) == 2:
        return f"regexp_replace({text}, {pattern}, '', 'g')"
    if isinstance(call.nodes[2], exp.Lambda):
        raise not_supported(call.node, "regexp_replace with a function")
    # Java writes groups as $1, and a literal dollar as \$; RE2 writes \1.
    replacement = re.sub(
        r"\\(.)|\$(\d)",
        lambda found: f"\\{found[2]}" if found[2] else found[1].replace("\\", "\\\\"),
        call.literal(2),
    )
    return f"regexp_replace({text}, {pattern}, {quoted_text(replacement)}, 'g')"


def _replace(call: Call) -> str:
    text, old, *new = call.arguments
    return f"replace({text}, {old}, {new[0] if new else quoted_text('')})"


def _reverse(call: Call) -> str:
    return f"{'list_reverse' if is_array(call.types[0]) else 'reverse'}({call.arguments[0]})"


def _url_part(group: int) -> Function:
    return template(f"regexp_extract({{0}}, {quoted_text(_braced(_URL))}, {group})", VARCHAR, 1)


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _url_parameter(call: Call) -> str:
    query = f"regexp_extract({call.arguments[0]}, {quoted_text(_URL)}, 5)"
    name = call.arguments[1]
    found = f"list_filter(string_split({query}, '&'), lambda x: starts_with(x, {name} || '='))"
    return f"url_decode(substr(list_extract({found}, 1), length({name}) + 2))"


def _hash(name: str) -> Function:
    return template(f"unhex({name}({{0}}))", VARBINARY, 1)


TEXT = {
    "chr": named("chr", VARCHAR, 1),
    "codepoint": named("unicode", INTEGER, 1),
    "concat": Function(_concat, _concat_type, 1, _MANY),
    "concat_ws": Function(_concat_with, returns(VARCHAR), 2, _MANY),
    "ends_with": named("ends_with", BOOLEAN, 2),
    "format": Function(_format, returns(VARCHAR), 1, _MANY),
    "from_base64": named("from_base64", VARBINARY, 1),
    "from_hex": named("unhex", VARBINARY, 1),
    "from_utf8": named("decode", VARCHAR, 1),
    "hamming_distance": named("hamming", BIGINT, 2),
    "length": named("length", BIGINT, 1),
    "levenshtein_distance": named("levenshtein", BIGINT, 2),
    "lower": named("lower", VARCHAR, 1),
    "lpad": named("lpad", VARCHAR, 3),
    "ltrim": named("ltrim", VARCHAR, 1, 2),
    "md5": _hash("md5"),
    "regexp_count": template("len(regexp_extract_all({0}, {1}))", BIGINT, 2),
    "regexp_extract": Function(_regexp_extract, returns(VARCHAR), 2, 3),
    "regexp_extract_all": named("regexp_extract_all", array_of(VARCHAR), 2, 3),
    "regexp_like": named("regexp_matches", BOOLEAN, 2),
    "regexp_replace": Function(_regexp_replace, returns(VARCHAR), 2, 3),
    "regexp_split": named("string_split_regex", array_of(VARCHAR), 2),
    "replace": Function(_replace, returns(VARCHAR), 2, 3),
    "reverse": Function(_reverse, like_argument(0), 1, 1),
    "rpad": named("rpad", VARCHAR, 3),
    "rtrim": named("rtrim", VARCHAR, 1, 2),
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "split": named("string_split", array_of(VARCHAR), 2),
    "split_part": template("list_extract(string_split({0}, {1}), {2})", VARCHAR, 3),
    "starts_with": named("starts_with", BOOLEAN, 2),
    "strpos": named("strpos", BIGINT, 2),
    "substr": named("substr", VARCHAR, 2, 3),
    "substring": named("substr", VARCHAR, 2, 3),
    "to_base64": named("to_base64", VARCHAR, 1),
    "to_hex": named("hex", VARCHAR, 1),
    "to_utf8": named("encode", VARBINARY, 1),
    "translate": named("translate", VARCHAR, 3),
    "upper": named("upper", VARCHAR, 1),
    "url_decode": named("url_decode", VARCHAR, 1),
    "url_encode": named("url_encode", VARCHAR, 1),
    "url_extract_fragment": _url_part(6),
    "url_extract_host": _url_part(2),
    "url_extract_parameter": Function(_url_parameter, returns(VARCHAR), 2, 2),
    "url_extract_path": _url_part(4),
    "url_extract_port": template(
        f"TRY_CAST(nullif(regexp_extract({{0}}, {quoted_text(_braced(_URL))}, 3), '') AS BIGINT)",
        BIGINT,
        1,
    ),
    "url_extract_protocol": _url_part(1),
    "url_extract_query": _url_part(5),
}
