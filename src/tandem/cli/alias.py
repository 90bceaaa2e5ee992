"""`tandem alias`: names that readers use."""

import click

from tandem.cli.group_names import complete_group_name
from tandem.cli.output import print_json, print_line, print_table
from tandem.cli.store_option import with_store
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table


@click.command()
@click.argument("alias", required=False)
@click.argument("group", required=False, shell_complete=complete_group_name)
@click.option("--remove", is_flag=True, help="Remove ALIAS.")
@with_store
def alias(
    store: FeatureStore, as_json: bool, alias: str | None, group: str | None, remove: bool
) -> None:
    """List, set or remove an alias.

    With ALIAS and GROUP, whoever reads ALIAS reads GROUP from now on. Without, all are listed.
    """
    if remove:
        if alias is None or group is not None:
            raise click.UsageError("--remove takes ALIAS and nothing else")
        store.remove_alias(alias)
    elif alias is not None:
        if group is None:
            raise click.UsageError("name the feature group that ALIAS is to stand for")
        store.set_alias(alias, group)
    found = store.aliases()
    if as_json:
        print_json(found)
    elif found:
        print_table(Table(["alias", "feature group"], list(found.items())))
    else:
        print_line("none")
