"""Functions of dates and times. The session's zone is UTC, as Athena's is.

* A timestamp keeps its microseconds, where Trino's functions round to milliseconds. Rounding would
  let a row from the same millisecond, but later, pass for one that was known.
* Where Trino wants a timestamp and gets an event time, that is taken as its moment: a number as
  seconds since 1970; text as ISO-8601, or as such seconds where it is a number.
* Formats must be literals, since they are translated.
"""

from collections.abc import Callable, Sequence

from tandem.errors import QueryFailed
from tandem.query.athena.failures import failure_at
from tandem.query.athena.functions.definition import (
    Call,
    Function,
    quoted_text,
    returns,
    template,
)
from tandem.query.athena.moments import as_moment
from tandem.query.athena.time_formats import from_joda, from_mysql, from_teradata
from tandem.query.athena.types import (
    BIGINT,
    DATE,
    DOUBLE,
    TIMESTAMP,
    TIMESTAMPTZ,
    VARCHAR,
    Type,
    is_date,
    is_moment,
    is_text,
)

_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
_DAY_UNITS = ("day", "week", "month", "quarter", "year")


def _moment(call: Call, index: int) -> str:
    return as_moment(call.arguments[index], call.nodes[index], call.types[index])


def _unit(call: Call) -> str:
    unit = call.literal(0).lower()
    if unit not in _UNITS:
        message = f"'{unit}' is not a valid Timestamp field"
        raise failure_at(call.node, "INVALID_FUNCTION_ARGUMENT", message)
    return unit


def _date_trunc(call: Call) -> str:
    found = f"date_trunc('{_unit(call)}', {_moment(call, 1)})"
    return f"CAST({found} AS DATE)" if is_date(call.types[1]) else found


def _date_add(call: Call) -> str:
    unit = _unit(call)
    parts, number = ("month", "3 * ") if unit == "quarter" else (unit, "")
    amount = f"{number}CAST({call.arguments[1]} AS BIGINT)"
    found = f"({_moment(call, 2)} + to_{parts}s({amount}))"
    if is_date(call.types[2]) and unit in _DAY_UNITS:
        return f"CAST({found} AS DATE)"
    return found


def _date_diff(call: Call) -> str:
    """Whole units that have passed, which DuckDB calls date_sub; its date_diff counts borders."""
    moments = [f"CAST({_moment(call, index)} AS TIMESTAMP)" for index in (1, 2)]
    return f"date_sub('{_unit(call)}', {', '.join(moments)})"


def _moment_type(index: int) -> Callable[[Sequence[Type]], Type]:
    def type_of(types: Sequence[Type]) -> Type:
        given = types[index]
        return given if is_moment(given) or is_date(given) else TIMESTAMPTZ

    return type_of


def _from_unixtime(call: Call) -> str:
    # The zone in which the value would be shown does not change the moment.
    if is_text(call.types[0]):
        return _moment(call, 0)
    return f"to_timestamp(CAST({call.arguments[0]} AS DOUBLE))"


def _formatted(reader: Callable[[str], str]) -> Function:
    def sql(call: Call) -> str:
        pattern = _pattern(call, reader)
        return f"strftime({_moment(call, 0)}, {quoted_text(pattern)})"

    return Function(sql, returns(VARCHAR), 2, 2)


def _parsed(reader: Callable[[str], str], type_: Type, name: str) -> Function:
    def sql(call: Call) -> str:
        pattern = _pattern(call, reader)
        # A fraction, and an offset, are taken where text has them though the format does not.
        patterns = [pattern] if "%z" in pattern else [pattern, pattern + "%z", pattern + ".%f%z"]
        listed = ", ".join(quoted_text(each) for each in patterns)
        return f"CAST(strptime({call.arguments[0]}, [{listed}]) AS {name})"

    return Function(sql, returns(type_), 2, 2)


def _pattern(call: Call, reader: Callable[[str], str]) -> str:
    try:
        return reader(call.literal(1))
    except QueryFailed as error:
        kind, _, message = str(error).partition(": ")
        raise failure_at(call.node, kind, message) from error


def _part(name: str) -> Function:
    def sql(call: Call) -> str:
        if call.types[0].this.name == "INTERVAL":
            return f"{name}({call.arguments[0]})"
        return f"{name}({_moment(call, 0)})"

    return Function(sql, returns(BIGINT), 1, 1)


def _to_unixtime(call: Call) -> str:
    return f"epoch({_moment(call, 0)})"


def _to_iso8601(call: Call) -> str:
    if is_date(call.types[0]):
        return f"strftime({call.arguments[0]}, '%Y-%m-%d')"
    zone = "Z" if call.types[0].this.name == "TIMESTAMPTZ" else ""
    return f"strftime({_moment(call, 0)}, '%Y-%m-%dT%H:%M:%S.%g{zone}')"


def _day(call: Call) -> str:
    return f"CAST({_moment(call, 0)} AS DATE)"


def _in_zone(call: Call) -> str:
    """The wall clock of a zone: DuckDB's moments have no zone to be shown in."""
    return f"timezone({call.arguments[1]}, CAST({_moment(call, 0)} AS TIMESTAMPTZ))"


TIMES = {
    "at_timezone": Function(_in_zone, returns(TIMESTAMP), 2, 2),
    "current_timestamp": template("current_timestamp", TIMESTAMPTZ, 0, 1),
    "date": Function(_day, returns(DATE), 1, 1),
    "date_add": Function(_date_add, _moment_type(2), 3, 3),
    "date_diff": Function(_date_diff, returns(BIGINT), 3, 3),
    "date_format": _formatted(from_mysql),
    "date_parse": _parsed(from_mysql, TIMESTAMP, "TIMESTAMP"),
    "date_trunc": Function(_date_trunc, _moment_type(1), 2, 2),
    "day": _part("day"),
    "day_of_month": _part("day"),
    "day_of_week": _part("isodow"),
    "day_of_year": _part("dayofyear"),
    "dow": _part("isodow"),
    "doy": _part("dayofyear"),
    "format_datetime": _formatted(from_joda),
    "from_iso8601_date": template("CAST(CAST({0} AS TIMESTAMPTZ) AS DATE)", DATE, 1),
    "from_iso8601_timestamp": Function(lambda call: _moment(call, 0), returns(TIMESTAMPTZ), 1, 1),
    "from_iso8601_timestamp_nanos": Function(
        lambda call: _moment(call, 0), returns(TIMESTAMPTZ), 1, 1
    ),
    "from_unixtime": Function(_from_unixtime, returns(TIMESTAMPTZ), 1, 3),
    "hour": _part("hour"),
    "last_day_of_month": template("last_day({0})", DATE, 1),
    "localtimestamp": template("CAST(current_timestamp AS TIMESTAMP)", TIMESTAMP, 0, 1),
    "millisecond": Function(
        lambda call: f"(millisecond({_moment(call, 0)}) % 1000)", returns(BIGINT), 1, 1
    ),
    "minute": _part("minute"),
    "month": _part("month"),
    "now": template("current_timestamp", TIMESTAMPTZ, 0),
    "parse_datetime": _parsed(from_joda, TIMESTAMPTZ, "TIMESTAMPTZ"),
    "quarter": _part("quarter"),
    "second": _part("second"),
    "to_char": _formatted(from_teradata),
    "to_date": _parsed(from_teradata, DATE, "DATE"),
    "to_iso8601": Function(_to_iso8601, returns(VARCHAR), 1, 1),
    "to_milliseconds": template("CAST(epoch({0}) * 1000 AS BIGINT)", BIGINT, 1),
    "to_timestamp": _parsed(from_teradata, TIMESTAMP, "TIMESTAMP"),
    "to_unixtime": Function(_to_unixtime, returns(DOUBLE), 1, 1),
    "week": _part("week"),
    "week_of_year": _part("week"),
    "with_timezone": template("timezone({1}, CAST({0} AS TIMESTAMP))", TIMESTAMPTZ, 2),
    "year": _part("year"),
    "year_of_week": _part("isoyear"),
    "yow": _part("isoyear"),
}
