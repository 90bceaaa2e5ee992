"""Values taken as moments, where Trino would refuse to compare them with a timestamp.

A number is seconds since 1970, as a Fractional event time is. Text is ISO-8601 (UTC where it names
no zone), or such a number in digits, as a String event time may be. There is no other reading, so
nothing is guessed; text that is neither fails.
"""

from sqlglot import exp

from tandem.query.athena.functions.definition import once
from tandem.query.athena.types import Type, is_date, is_moment, is_number, is_text

_NUMBER = "^[-+]?[0-9]+([.][0-9]*)?([eE][-+]?[0-9]+)?$"


def as_moment(sql: str, node: exp.Expr, type_: Type) -> str:
    """`sql` as a timestamp, unless it is one, or of a type that nothing is known of."""
    if is_date(type_) or is_moment(type_):
        return sql
    if is_number(type_):
        return f"to_timestamp(CAST({sql} AS DOUBLE))"
    if is_text(type_):
        return once(sql, node, _TEXT_MOMENT)
    return sql


_TEXT_MOMENT = (
    f"CASE WHEN regexp_matches({{0}}, '{_NUMBER}') THEN to_timestamp(TRY_CAST({{0}} AS DOUBLE))"
    " ELSE CAST({0} AS TIMESTAMPTZ) END"
)
