"""Commands that are imported when they are used, so that help and completion are quick."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from tandem.cli.interrupts import interrupts_held_back


class LazyCommand(NamedTuple):
    """Where a command is, as "module:name", and its line in the help."""

    home: str
    help: str


class LazyGroup(click.Group):
    """`sections` holds the commands by title of a section and by name, in the order of the help."""

    def __init__(
        self, *arguments: Any, sections: Mapping[str, Mapping[str, LazyCommand]], **members: Any
    ) -> None:
        super().__init__(*arguments, **members)
        self.sections = sections
        self._found = {
            name: found for section in sections.values() for name, found in section.items()
        }

    def list_commands(self, context: click.Context) -> list[str]:
        del context  # the same everywhere
        return list(self._found)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        del context
        if name not in self._found:
            return None
        module, _, attribute = self._found[name].home.partition(":")
        with interrupts_held_back():
            command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        del context
        width = max(map(len, self._found))
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), command.help) for name, command in section.items()]
                )

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [
            CompletionItem(name, help=command.help)
            for name, command in self._found.items()
            if name.startswith(incomplete)
        ]
        # click's own would import every command for its help.
        return found + click.Command.shell_complete(self, context, incomplete)
