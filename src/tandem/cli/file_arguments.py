"""Arguments that are files and are read at once: a bad file is found before a store is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tandem.cli.output import Failure
from tandem.errors import TandemError
from tandem.rows.table_files import read_table
from tandem.sdk.declaration_files import declarations


class _ReadFile(click.Path):
    """A path that exists, as what `read` makes of it."""

    def __init__(self, read: Callable[[Path], Any], *, dir_okay: bool) -> None:
        super().__init__(exists=True, dir_okay=dir_okay, path_type=Path)
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        try:
            return self._read(Path(str(path)))
        except TandemError as error:
            raise Failure(str(error)) from error


declarations_file = _ReadFile(declarations, dir_okay=True)
table_file = _ReadFile(read_table, dir_okay=False)
