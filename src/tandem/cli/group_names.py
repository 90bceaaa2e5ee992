"""Completion of feature group names, read from the store."""

import click
from click.shell_completion import CompletionItem

from tandem.cli.store_option import open_store
from tandem.errors import TandemError


def complete_group_name(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Nothing where there is no store: who presses a key wants no message."""
    del parameter
    try:
        with open_store(context.params["location"]) as store:
            names = store.groups(incomplete or None).names
    except (TandemError, click.ClickException):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


group_name_argument = click.argument("name", shell_complete=complete_group_name)
