"""Queries as builders of data sets write them: newest of duplicates, what outlived a delete, join.

The texts are built clause by clause, with the spellings that clients use (case, quotes, aliases
that hide WITH queries, derived tables without names), from what was chosen.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

KEY, TIME = "customer", "bought_at"
FEATURES = ("amount", "items")


@dataclass(frozen=True)
class Choices:
    """What a user asks of a builder. `as_of_us` and the range are microseconds since 1970."""

    is_text_time: bool
    join: str = "JOIN"
    recent: int | None = None
    as_of_us: int | None = None
    range_us: tuple[int | None, int | None] = (None, None)
    with_deleted: bool = False
    with_duplicates: bool = False


def dataset_query(base: str, other: str, choices: Choices) -> str:
    """`base` joined with `other`, both named database.table."""
    names = [KEY, TIME, *FEATURES]
    joined = ", ".join(f'fg_0."{name}" as "{name}.1"' for name in names)
    listed = ", ".join([*names, *(f'"{name}.1"' for name in names)])
    query = (
        f"WITH fg_base AS ({_history(base, 'base', choices)}),\n"
        f"fg_0 AS ({_history(other, '0', choices)})\n"
        f"SELECT {listed}\nFROM (\n"
        f"SELECT {', '.join(f'fg_base.{name}' for name in names)}, {joined},"
        " row_number() OVER (\n"
        f'PARTITION BY fg_base."{KEY}"\n'
        f'ORDER BY fg_base."{TIME}" DESC, fg_0."{TIME}" DESC\n) AS row_recent\n'
        f'FROM fg_base\n{choices.join} fg_0\nON fg_base."{KEY}" = fg_0."{KEY}"\n'
        f"AND {_moment('fg_base', choices)} >= {_moment('fg_0', choices)}\n)"
    )
    return query if choices.recent is None else f"{query}\nWHERE row_recent <= {choices.recent}"


def _history(table: str, name: str, choices: Choices) -> str:
    """The rows of a group that count."""
    filters = _filters(f"origin_{name}", choices)
    names = [KEY, TIME, *FEATURES]
    origin = f"origin_{name}"
    if choices.with_duplicates:
        where = " AND ".join([*filters, *(["NOT is_deleted"] if choices.with_deleted else [])])
        first = f"SELECT *\nFROM {table} {origin}" + (f"\nWHERE {where}" if where else "")
    else:
        where = f"\nWHERE {' AND '.join(filters)}" if filters else ""
        deleted = "\nAND NOT is_deleted" if choices.with_deleted else ""
        first = (
            "SELECT *\nFROM (\nSELECT *, row_number() OVER (\n"
            f'PARTITION BY {origin}."{KEY}", {origin}."{TIME}"\n'
            f'ORDER BY {origin}."api_invocation_time" DESC, {origin}."write_time" DESC\n'
            f") AS dedup_row_{name}\nFROM {table} {origin}{where}\n)\n"
            f"WHERE dedup_row_{name} = 1{deleted}"
        )
    listed = ", ".join(f'table_{name}."{each}"' for each in names)
    head = f"WITH table_{name} AS (\n{first}\n)"
    if choices.with_deleted:
        return f"{head}\nSELECT {listed}\nFROM table_{name}"
    return f"{head},\n{_outlived(table, name, filters, listed)}"


def _outlived(table: str, name: str, filters: list[str], listed: str) -> str:
    t, d, origin = f"table_{name}", f"deleted_{name}", f"origin_{name}"
    where = " AND ".join([*filters, "is_deleted"])
    order = [TIME, "api_invocation_time", "Write_Time"]
    newest = ", ".join(f"{origin}.{column} DESC" for column in order)
    later, equal = [], ""
    for column in order:
        later.append(f'({equal}{t}."{column}" > {d}."{column}")')
        equal += f'{t}."{column}" = {d}."{column}" AND '
    return (
        f"{d} AS (\nSELECT *\nFROM (\nSELECT *, row_number() OVER (\n"
        f'PARTITION BY {origin}."{KEY}"\nORDER BY {newest}\n) AS deleted_row_{name}\n'
        f"FROM {table} {origin}\nWHERE {where}\n)\nWHERE deleted_row_{name} = 1\n)\n"
        f"SELECT {listed}\nFROM (\n"
        f'SELECT {listed}, {t}."write_time"\nFROM {t}\nLEFT JOIN {d}\n'
        f'ON {t}."{KEY}" = {d}."{KEY}"\nWHERE {d}."{KEY}" IS NULL\nUNION ALL\n'
        f'SELECT {listed}, {t}."write_time"\nFROM {d}\nJOIN {t}\n'
        f'ON {t}."{KEY}" = {d}."{KEY}"\nAND (\n{" OR ".join(later)}\n)\n) AS {t}'
    )


def _filters(origin: str, choices: Choices) -> list[str]:
    found = []
    if choices.as_of_us is not None:
        text = _text(choices.as_of_us)
        found.append(f"{origin}.\"write_time\" <= to_timestamp('{text}', 'yyyy-mm-dd hh24:mi:ss')")
    for value, operator in zip(choices.range_us, (">=", "<="), strict=True):
        if value is not None:
            seconds = f"{value // 1_000_000}.{value % 1_000_000:06d}"
            found.append(f"{_moment(origin, choices)} {operator} from_unixtime({seconds})")
    return found


def _moment(table: str, choices: Choices) -> str:
    reader = "from_iso8601_timestamp" if choices.is_text_time else "from_unixtime"
    return f'{reader}({table}."{TIME}")'


def _text(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
