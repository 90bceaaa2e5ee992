"""Commands for what AWS cannot change: retire, restore, clone, alias."""

import click

from tandem.cli import show
from tandem.cli.store_option import console, names_and_values, print_json, with_store
from tandem.sdk.store import FeatureStore


@click.command()
@click.argument("name")
@click.argument("feature")
@with_store
def retire(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Hide a feature from readers and refuse it in writes. Its history is kept."""
    store.feature_group(name).retire_feature(feature)
    _say(as_json, {"feature_group": name, "retired": feature}, f"retired {feature} of {name}")


@click.command()
@click.argument("name")
@click.argument("feature")
@with_store
def restore(store: FeatureStore, as_json: bool, name: str, feature: str) -> None:
    """Show a retired feature again."""
    store.feature_group(name).restore_feature(feature)
    _say(as_json, {"feature_group": name, "restored": feature}, f"restored {feature} of {name}")


@click.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="FEATURE=TYPE",
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
    types: tuple[str, ...],
    table_format: str | None,
    storage_type: str | None,
) -> None:
    """Make the feature group TARGET from SOURCE, with its records and history, in other types."""
    group = store.clone_feature_group(
        source,
        target,
        types=names_and_values(types, "FEATURE=TYPE"),
        table_format=table_format,
        storage_type=storage_type,
    )
    _say(as_json, show.summary(group.definition), f"cloned {source} as {target}")


@click.command()
@click.argument("alias", required=False)
@click.argument("group", required=False)
@click.option("--remove", is_flag=True, help="Remove ALIAS.")
@with_store
def alias(
    store: FeatureStore, as_json: bool, alias: str | None, group: str | None, remove: bool
) -> None:
    """Let readers of ALIAS read GROUP from now on. Without arguments, list aliases."""
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
    else:
        console.print(show.pairs_table("alias", "feature group", found))


def _say(as_json: bool, value: object, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        console.print(text, highlight=False, markup=False)
