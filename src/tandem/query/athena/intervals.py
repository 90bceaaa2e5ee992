"""Interval literals: `INTERVAL '24' HOUR`, `INTERVAL '1 02:30' DAY TO MINUTE`."""

import re

from sqlglot import exp

from tandem.query.athena.failures import failure_at

_SINGLE = re.compile(r"([-+]?)(\d+(?:\.\d+)?)")
_SPANS = {
    ("YEAR", "MONTH"): (r"(\d+)-(\d+)", ("year", "month")),
    ("DAY", "HOUR"): (r"(\d+) (\d+)", ("day", "hour")),
    ("DAY", "MINUTE"): (r"(\d+) (\d+):(\d+)", ("day", "hour", "minute")),
    ("DAY", "SECOND"): (r"(\d+) (\d+):(\d+):(\d+(?:\.\d+)?)", ("day", "hour", "minute", "second")),
    ("HOUR", "MINUTE"): (r"(\d+):(\d+)", ("hour", "minute")),
    ("HOUR", "SECOND"): (r"(\d+):(\d+):(\d+(?:\.\d+)?)", ("hour", "minute", "second")),
    ("MINUTE", "SECOND"): (r"(\d+):(\d+(?:\.\d+)?)", ("minute", "second")),
}
_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def interval_sql(node: exp.Interval) -> str:
    """DuckDB's words for a literal interval. Raises QueryFailed where it is none."""
    text = node.this.name.strip() if isinstance(node.this, exp.Literal) else ""
    unit = node.args.get("unit")
    if isinstance(unit, exp.IntervalSpan):
        ends = unit.this.name.upper(), unit.expression.name.upper()
        pattern, names = _SPANS.get(ends, (r"(?!)", ()))
        found = re.fullmatch(f"([-+]?){pattern}", text)
    else:
        name = unit.name.upper().removesuffix("S") if unit is not None else ""
        names = (name.lower(),)
        found = _SINGLE.fullmatch(text) if name in _UNITS else None
    if found is None:
        shown = unit.sql() if unit is not None else ""
        message = f"'{text}' is not a valid INTERVAL literal {shown}".strip()
        raise failure_at(node, "INVALID_LITERAL", message)
    sign, *numbers = found.groups()
    minus = "-" if sign == "-" else ""
    parts = [f"{minus}{number} {name}" for number, name in zip(numbers, names, strict=True)]
    return f"INTERVAL '{' '.join(parts)}'"
