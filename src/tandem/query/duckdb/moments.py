"""Event times in SQL: expressions for nanoseconds since 1970, as HUGEINT.

They agree with `tandem.model.event_time` on every text and double that it accepts. What is no time
is NULL. 64 bits of nanoseconds would end in 2262, hence HUGEINT.
"""

from collections.abc import Callable

from tandem.model.feature_group import FeatureType

_NANOSECONDS = 1_000_000_000


def nanoseconds_sql(column: str, type_: FeatureType) -> str:
    """The moment in `column` (a quoted name), which holds event times of that type."""
    return _of_double(column) if type_ is FeatureType.FRACTIONAL else _of_text(column)


def _of_double(column: str) -> str:
    # The same arithmetic on the same doubles as the model's; a fraction that rounds up to a whole
    # second carries by itself. TRY_CAST lets a NaN or an infinity be no moment.
    return (
        f"(TRY_CAST(floor({column}) AS BIGINT)::HUGEINT * {_NANOSECONDS}"
        f" + TRY_CAST(floor(({column} - floor({column})) * 1e9 + 0.5) AS BIGINT))"
    )


def _of_text(column: str) -> str:
    # The first way costs a third of the second, and covers the years 1678 to 2261.
    return f"COALESCE({_by_form(column, _near)}, {_by_form(column, _far)})"


def _by_form(column: str, local: Callable[[str, str], str]) -> str:
    """The forms of a time told apart; `local(column, kept)` reads the date and the clock."""
    offset_seconds = f"({column}[-5:-4]::BIGINT * 3600 + {column}[-2:]::BIGINT * 60)"
    sign = f"({column}[-6] || '1')::BIGINT"
    return (
        f"CASE WHEN {column}[-1] = 'Z' THEN {local(column, ':-2')}"
        f" WHEN {column}[11] <> 'T' OR length({column}) < 19 THEN {_of_epoch_text(column)}"
        # A cast to TIMESTAMP ignores the offset, so it is taken off here.
        f" WHEN {column}[-6] IN ('+', '-') AND {column}[-3] = ':'"
        f" THEN {local(column, ':-7')} - {sign} * {offset_seconds} * {_NANOSECONDS}"
        f" ELSE {local(column, ':')} END"
    )


def _near(column: str, kept: str) -> str:
    return f"epoch_ns(TRY_CAST({column}[{kept}] AS TIMESTAMP_NS))::HUGEINT"


def _far(column: str, kept: str) -> str:
    text = f"{column}[{kept}]"
    fraction = f"rpad({text}[21:29], 9, '0')"
    return (
        f"(epoch_us(TRY_CAST({column}[:19] AS TIMESTAMP))::HUGEINT * 1000"
        f" + CASE WHEN length({text}) > 20 THEN {fraction}::BIGINT ELSE 0 END)"
    )


def _of_epoch_text(column: str) -> str:
    # Digits after the ninth are cut off, not rounded.
    cut = (
        f"CASE WHEN contains({column}, '.')"
        f" THEN {column}[:strpos({column}, '.') + 9] ELSE {column} END"
    )
    return f"(TRY_CAST({cut} AS DECIMAL(38, 9)) * {_NANOSECONDS})::HUGEINT"
