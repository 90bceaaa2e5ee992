"""Tables for people: as text in a terminal, as HTML in a notebook."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_MAX = 160
_CELL_LENGTH_MAX = 80


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a line under its header, as plain text."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column))
    for row in rows:
        table.add_row(*[Text(cell(value)) for value in row])
    console = Console(file=StringIO(), width=_WIDTH_MAX, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell(value))}</td>' for value in row)}</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(value: Any) -> str:
    """A value as it stands in a cell: nothing for None, and not longer than a line."""
    text = "" if value is None else str(value)
    return text if len(text) <= _CELL_LENGTH_MAX else f"{text[: _CELL_LENGTH_MAX - 1]}…"


def moment(microseconds: int) -> str:
    """A time since 1970 as ISO 8601, to the second."""
    found = datetime.fromtimestamp(microseconds / 1e6, UTC)
    return found.isoformat(timespec="seconds").replace("+00:00", "Z")
