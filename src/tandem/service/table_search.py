"""Search of the catalog's tables in all databases, by what is said of them.

* A filter on a text asks whether the value is a word of it, or all of it. Words are parted by what
  is neither a letter, a digit nor an underscore. A filter on a time compares.
* Words to search for are parts of names, descriptions, columns or parameters, each of any of them.
  What stands in double quotes is all of one.
* Case counts nowhere. Filters and words must all hold.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt

from tandem.errors import ValidationError
from tandem.model.catalog import CatalogTable, folded
from tandem.service.catalog import Catalog

Place = tuple[str | float, str, str]
"""Where a table stands in the order of results: what it is sorted by, its database, its name."""

_QUOTED_LENGTH = 80
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "EQUALS": eq,
    "GREATER_THAN": gt,
    "GREATER_THAN_EQUALS": ge,
    "LESS_THAN": lt,
    "LESS_THAN_EQUALS": le,
}
_TEXTS: Mapping[str, Callable[[CatalogTable], str | None]] = {
    "Name": lambda table: table.name,
    "DatabaseName": lambda table: table.database,
    "Description": lambda table: table.description,
    "Owner": lambda table: table.owner,
    "TableType": lambda table: table.table_type,
    "Location": lambda table: table.location,
}
_TIMES: Mapping[str, Callable[[CatalogTable], float | None]] = {
    "CreateTime": lambda table: table.created_at_us / 1e6,
    "UpdateTime": lambda table: table.updated_at_us / 1e6,
    "LastAccessTime": lambda table: table.other.get("LastAccessTime"),
    "LastAnalyzedTime": lambda table: table.other.get("LastAnalyzedTime"),
}
_TEXTS_BY_KEY = {folded(name): text for name, text in _TEXTS.items()}
_TIMES_BY_KEY = {folded(name): time for name, time in _TIMES.items()}


@dataclass(frozen=True, slots=True)
class TableFilter:
    """`key` is a property, as Name or CreateTime, else a parameter of the table."""

    key: str
    value: str
    comparator: str = "EQUALS"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSearch:
    """`sort_by` is a property; None: by database and name."""

    filters: Sequence[TableFilter] = ()
    text: str | None = None
    sort_by: str | None = None
    is_descending: bool = False


def found_tables(catalog: Catalog, search: TableSearch) -> Sequence[tuple[Place, CatalogTable]]:
    """The tables and views that a search means, with their places, in order.

    Raises ValidationError where a filter or the order makes no sense.
    """
    holds = [_rule(one) for one in search.filters]
    if search.text is not None:
        holds.append(_text_rule(search.text))
    place = _place(search.sort_by)
    tables = (table for database in catalog.databases() for table in catalog.tables(database.name))
    found = [(place(table), table) for table in tables if all(rule(table) for rule in holds)]
    return sorted(found, key=lambda one: one[0], reverse=search.is_descending)


def _rule(one: TableFilter) -> Callable[[CatalogTable], bool]:
    key = folded(one.key)
    time = _TIMES_BY_KEY.get(key)
    if time is not None:
        wanted, compare = _moment(one), _COMPARISONS[one.comparator]
        return lambda table: (found := time(table)) is not None and compare(found, wanted)
    if one.comparator != "EQUALS":
        raise ValidationError(
            f"Comparator {one.comparator} of the filter on {one.key[:_QUOTED_LENGTH]!r} is not"
            f" valid: only times are compared, {', '.join(_TIMES)}"
        )
    value = folded(one.value)

    def holds(table: CatalogTable) -> bool:
        text = _text_of(table, key)
        return text is not None and (text == value or value in re.split(r"\W+", text))

    return holds


def _text_of(table: CatalogTable, key: str) -> str | None:
    text = _TEXTS_BY_KEY.get(key)
    if text is not None:
        found = text(table)
        return None if found is None else folded(found)
    for name, value in table.parameters.items():
        if folded(name) == key:
            return folded(value)
    return None


def _moment(one: TableFilter) -> float:
    """Seconds since 1970: the value is that, or a time in ISO 8601, UTC where it has no zone."""
    if re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", one.value, re.ASCII):
        return float(one.value)
    try:
        moment = datetime.fromisoformat(one.value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValidationError(
            f"Value {one.value[:_QUOTED_LENGTH]!r} of the filter on {one.key!r} is not a time: give"
            " seconds since 1970, or 2024-05-01T12:30:00Z"
        ) from None


def _text_rule(text: str) -> Callable[[CatalogTable], bool]:
    if len(text) > 2 and text[0] == text[-1] == '"':
        whole = folded(text[1:-1])
        return lambda table: whole in _said(table)
    words = folded(text).split()
    return lambda table: all(any(word in said for said in _said(table)) for word in words)


def _said(table: CatalogTable) -> Iterator[str]:
    """All texts that are said of a table."""
    for text in _TEXTS.values():
        if found := text(table):
            yield folded(found)
    for column in (*table.columns, *table.partition_keys):
        yield folded(column.name)
        if column.comment:
            yield folded(column.comment)
    for name, value in table.parameters.items():
        yield folded(name)
        yield folded(value)


def _place(sort_by: str | None) -> Callable[[CatalogTable], Place]:
    if sort_by is None:
        return lambda table: ("", table.database, table.name)
    key = folded(sort_by)
    if key in _TIMES_BY_KEY:
        time = _TIMES_BY_KEY[key]
        return lambda table: (time(table) or 0.0, table.database, table.name)
    if key in _TEXTS_BY_KEY:
        return lambda table: (_text_of(table, key) or "", table.database, table.name)
    raise ValidationError(
        f"FieldName {sort_by[:_QUOTED_LENGTH]!r} of SortCriteria is not valid: tables are sorted by"
        f" {', '.join([*_TEXTS, *_TIMES])}"
    )
