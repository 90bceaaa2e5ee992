"""Tables for people: in a terminal, as plain text, as HTML in a notebook.

What stands in a cell may come from anybody: markup is not read, in either form, and what a terminal
would obey instead of showing it is written as an escape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from io import StringIO
from typing import Any

import pyarrow as pa
from rich import box, table
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tandem.rows.python_cells import shown_cells

CELL_LENGTH_MAX = 80
_PLAIN_WIDTH = 160
_COLUMN_WIDTH_MIN = 24
"""A column that is wider than this may be folded so that more columns fit."""
_HTML_COLUMNS_MAX = 50


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns. Without column names it lists facts: a name and a value each.

    cell_length_max   longer values are cut; None shows them whole
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    cell_length_max: int | None = CELL_LENGTH_MAX


def plain(shown: Table) -> str:
    """The table as text, without colour or trailing spaces."""
    console = Console(file=StringIO(), width=_PLAIN_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(styled(shown, _PLAIN_WIDTH))
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())


def styled(shown: Table, width: int) -> table.Table:
    """The table for a terminal of `width` columns; what does not fit is named in its last row."""
    drawn = table.Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        show_header=any(shown.columns),
        title=Text(shown.title) if shown.title else None,
        title_justify="left",
    )
    cells = [[cell(value, shown.cell_length_max) for value in row] for row in shown.rows]
    count = _columns_that_fit(shown.columns, cells, width)
    for index, column in enumerate(shown.columns[:count]):
        is_number = all(_is_number(row[index]) for row in shown.rows)
        drawn.add_column(
            Text(printable(column)),
            justify="right" if is_number and shown.rows else "left",
            overflow="fold",
        )
    for row in cells:
        drawn.add_row(*[Text(text) for text in row[:count]])
    if count < len(shown.columns):
        left_out = [printable(column) for column in shown.columns[count:]]
        drawn.caption = Text(_shortened(f"and {len(left_out)} columns: {', '.join(left_out)}", 400))
        drawn.caption_justify = "left"
    return drawn


def html(shown: Table) -> str:
    count = _HTML_COLUMNS_MAX
    left_out = len(shown.columns) - count
    more = [f"… and {left_out} columns"] if left_out > 0 else []
    head = "".join(f"<th>{escape(column)}</th>" for column in [*shown.columns[:count], *more])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell(value, shown.cell_length_max))}</td>" for value in row[:count])
        + "</tr>"
        for row in shown.rows
    )
    caption = f"<caption>{escape(shown.title)}</caption>" if shown.title else ""
    header = f"<thead><tr>{head}</tr></thead>" if any(shown.columns) else ""
    return f"<table>{caption}{header}<tbody>{body}</tbody></table>"


def first_rows(rows: pa.Table, count: int) -> Table:
    """The first `count` rows. Columns may share a name."""
    columns = [shown_cells(column) for column in rows.slice(0, count).columns]
    return Table(rows.column_names, list(zip(*columns, strict=True)))


def cell(value: Any, length_max: int | None = CELL_LENGTH_MAX) -> str:
    """A value as it stands in a cell: nothing for None, one line, not longer than `length_max`."""
    if isinstance(value, Mapping):
        text = pairs(value)
    elif isinstance(value, list | tuple):
        text = ", ".join(cell(item, None) for item in value)
    else:
        text = "" if value is None else str(value)
    return _shortened(printable(text if length_max is None else text[: length_max + 1]), length_max)


def pairs(mapping: Mapping[str, Any]) -> str:
    """Tags or parameters in one line."""
    return ", ".join(f"{key}={value}" for key, value in mapping.items())


def printable(text: str) -> str:
    r"""`text` with control characters and the like as escapes: an escape character is \x1b."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def moment(microseconds: int) -> str:
    """A time since 1970 as ISO 8601, to the second."""
    return iso(datetime.fromtimestamp(microseconds // 1_000_000, UTC))


def iso(when: datetime) -> str:
    """An aware datetime as ISO 8601 in UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _columns_that_fit(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> int:
    """How many columns, from the left, can be shown legibly; at least one."""
    taken = 0
    for index, column in enumerate(columns):
        natural = max([cell_len(column), *(cell_len(row[index]) for row in cells)])
        taken += min(natural, _COLUMN_WIDTH_MIN) + 2
        if taken > width + 2 and index > 0:
            return index
    return len(columns)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _shortened(text: str, length_max: int | None) -> str:
    if length_max is None or len(text) <= length_max:
        return text
    return f"{text[: length_max - 1]}…"
