"""Functions of JSON. Text that is no JSON, and a path to nothing, give null."""

import re

from tandem.query.athena.failures import not_supported
from tandem.query.athena.functions.definition import (
    Call,
    Function,
    quoted_text,
    returns,
    template,
)
from tandem.query.athena.types import BIGINT, BOOLEAN, JSON, VARCHAR

_PATH_PART = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\[(?P<quote>["'])(?P<key>.*?)(?P=quote)\]"""
)


def _path(call: Call) -> str:
    """The path as DuckDB writes it: `$."key"[0]`."""
    written = call.literal(1).removeprefix("lax ").strip()
    made, end = ["$"], 1
    while end < len(written):
        found = _PATH_PART.match(written, end)
        if not found or not written.startswith("$") or set('"\\') & set(found["key"] or ""):
            raise not_supported(call.node, f"the JSON path {written!r}")
        index = found["index"]
        made.append(f"[{index}]" if index is not None else f'."{found["name"] or found["key"]}"')
        end = found.end()
    if not written.startswith("$"):
        raise not_supported(call.node, f"the JSON path {written!r}")
    return quoted_text("".join(made))


def _extract(call: Call) -> str:
    valid = "CASE WHEN json_valid({0}) THEN "
    return call.once(0, f"{valid}json_extract({{0}}, {_braced(_path(call))}) END")


def _extract_scalar(call: Call) -> str:
    path = _braced(_path(call))
    return call.once(
        0,
        "CASE WHEN NOT json_valid({0}) THEN NULL"
        f" WHEN json_type({{0}}, {path}) IN ('OBJECT', 'ARRAY') THEN NULL"
        f" ELSE json_extract_string({{0}}, {path}) END",
    )


def _size(call: Call) -> str:
    path = _braced(_path(call))
    return call.once(
        0,
        f"CASE json_type({{0}}, {path}) WHEN 'ARRAY' THEN json_array_length({{0}}, {path})"
        f" WHEN 'OBJECT' THEN len(json_keys({{0}}, {path})) ELSE 0 END",
    )


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


JSON_FUNCTIONS = {
    "is_json_scalar": template("(json_type({0}) NOT IN ('OBJECT', 'ARRAY'))", BOOLEAN, 1),
    "json_array_contains": template(
        "list_contains(json_extract({0}, '$[*]'), CAST(to_json({1}) AS JSON))", BOOLEAN, 2
    ),
    "json_array_get": template("json_extract({0}, '$[' || ({1}) || ']')", JSON, 2),
    "json_array_length": template("json_array_length({0})", BIGINT, 1),
    "json_extract": Function(_extract, returns(JSON), 2, 2),
    "json_extract_scalar": Function(_extract_scalar, returns(VARCHAR), 2, 2),
    "json_format": template("CAST({0} AS VARCHAR)", VARCHAR, 1),
    "json_parse": template("CAST({0} AS JSON)", JSON, 1),
    "json_query": Function(
        lambda call: f"CAST({_extract(call)} AS VARCHAR)", returns(VARCHAR), 2, 2
    ),
    "json_size": Function(_size, returns(BIGINT), 2, 2),
    "json_value": Function(_extract_scalar, returns(VARCHAR), 2, 2),
}
