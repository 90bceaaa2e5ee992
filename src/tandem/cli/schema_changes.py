"""Commands for what AWS cannot change: retire, restore, clone, alias."""

from collections.abc import Mapping

import click

from tandem.cli.group_names import complete_group_name, group_name_argument
from tandem.cli.name_value import pairs_option
from tandem.cli.output import print_json, print_line, print_table
from tandem.cli.store_option import with_store
from tandem.sdk.listing import group_summary
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table


@click.command()
@group_name_argument
@click.argument("feature")
@with_store
def retire(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Hide a feature from readers.

    Writes that give it are refused. Its history is kept; restore takes this back.
    """
    store.feature_group(name).retire_feature(feature)
    _say(as_json, {"feature_group": name, "retired": feature}, f"retired {feature} of {name}")


@click.command()
@group_name_argument
@click.argument("feature")
@with_store
def restore(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Show a retired feature again.

    Older values are seen again, too.
    """
    store.feature_group(name).restore_feature(feature)
    _say(as_json, {"feature_group": name, "restored": feature}, f"restored {feature} of {name}")


@click.command()
@click.argument("source", shell_complete=complete_group_name)
@click.argument("target")
@pairs_option(
    "--type",
    "types",
    "FEATURE=TYPE",
    help="The new type of a feature: String, Integral or Fractional; may be repeated.",
)
@click.option("--table-format", help="Of the clone's history: Glue (Parquet) or Iceberg.")
@click.option("--storage-type", help="Of the clone's online store.")
@with_store
def clone(
    store: FeatureStore,
    as_json: bool,
    source: str,
    target: str,
    types: Mapping[str, str],
    table_format: str | None,
    storage_type: str | None,
) -> None:
    """Copy a feature group into other types.

    TARGET has the records and the history of SOURCE up to now; its retired features are left out.
    """
    group = store.clone_feature_group(
        source,
        target,
        types=types,
        table_format=table_format,
        storage_type=storage_type,
    )
    _say(as_json, group_summary(group.definition, group.tags), f"cloned {source} as {target}")


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


def _say(as_json: bool, value: object, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        print_line(text)
