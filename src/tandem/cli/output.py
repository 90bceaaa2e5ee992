"""What commands print: tables and sentences for people, JSON for programs.

In a pipe there is no colour, and a row is one line however long; in a terminal, tables fit it.
"""

import json
import logging
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import pyarrow as pa
from rich.console import Console

from tandem.rows.python_cells import shown_cells
from tandem.sdk.tables import Table, printable, styled

_PIPE_WIDTH = 100_000


class Failure(click.ClickException):
    """An error as the user sees it: one line, and exit code 1."""

    def format_message(self) -> str:
        return _one_line(self.message)


class LogLines(logging.Formatter):
    """What a store logs while a command runs: a line each, with the cause but no traceback."""

    def format(self, record: logging.LogRecord) -> str:
        cause = record.exc_info[1] if record.exc_info else None
        why = "" if cause is None else f": {type(cause).__name__}: {cause}"
        return _one_line(f"{record.levelname.capitalize()}: {record.getMessage()}{why}")


@contextmanager
def logging_in_lines() -> Iterator[None]:
    """To standard error, until the block ends."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines())
    logger = logging.getLogger("tandem")
    before, logger.handlers = logger.handlers, [handler]
    try:
        yield
    finally:
        logger.handlers = before


def print_table(table: Table) -> None:
    console = _console()
    console.print(styled(table, console.width))


def print_tables(tables: Sequence[Table]) -> None:
    for index, table in enumerate(tables):
        if index > 0:
            print_line("")
        print_table(table)


def print_line(text: str, style: str = "") -> None:
    _console().print(printable(text), style=style, soft_wrap=True)


def print_json(value: Any) -> None:
    # JSON has no NaN and no infinity; a reader of JSON takes null for both.
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    finite = _finite(value)
    click.echo(json.dumps(finite, indent=2, default=_json_value, ensure_ascii=not is_unicode))


def print_outcome(as_json: bool, value: Any, text: str) -> None:
    """What a command has done: as JSON for machines, in a line for people."""
    if as_json:
        print_json(value)
    else:
        print_line(text)


def _console() -> Console:
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json_value(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def rows_by_name(table: pa.Table) -> list[dict[str, Any]]:
    """Each row by column. Of columns that share a name, all but the first get a number."""
    seen: Counter[str] = Counter()
    names = []
    for name in table.column_names:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    columns = [shown_cells(column) for column in table.columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
