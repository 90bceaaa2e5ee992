"""Commands that look for feature groups: groups, search, describe."""

from collections.abc import Mapping

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.name_value import pairs_option
from tandem.cli.output import print_json, print_line, print_table, print_tables
from tandem.cli.store_option import with_store
from tandem.sdk.shown_items import Listing
from tandem.sdk.store import FeatureStore


@click.command()
@click.argument("name_contains", required=False)
@with_store
def groups(store: FeatureStore, as_json: bool, name_contains: str | None) -> None:
    """List feature groups.

    With NAME_CONTAINS, those whose names hold it.
    """
    _print_listing(store.groups(name_contains), as_json)


@click.command()
@click.argument("text", required=False)
@pairs_option("--tag", "tags", "KEY=VALUE", help="Groups with this tag; may be repeated.")
@click.option("--features", "of_features", is_flag=True, help="Search features, not groups.")
@pairs_option(
    "--parameter",
    "parameters",
    "KEY=VALUE",
    help="With --features: those with this parameter; may be repeated.",
)
@with_store
def search(
    store: FeatureStore,
    as_json: bool,
    text: str | None,
    tags: Mapping[str, str],
    of_features: bool,
    parameters: Mapping[str, str],
) -> None:
    """Find feature groups, or features.

    TEXT is in a group's name or description, or in the name of one of its features; with
    --features, in a feature's name or description.
    """
    if parameters and not of_features:
        raise click.UsageError("--parameter needs --features")
    if tags and of_features:
        raise click.UsageError("--tag is of groups: leave out --features")
    found: Listing[object] = (
        store.search_features(text, parameters=parameters)
        if of_features
        else store.search(text, tags=tags)
    )
    _print_listing(found, as_json)


@click.command()
@group_name_argument
@with_store
def describe(store: FeatureStore, as_json: bool, name: str) -> None:
    """Describe a feature group.

    Its schema, tags, freshness, counts, and a sample of its records. NAME may be an alias.
    """
    description = store.describe(name)
    if as_json:
        print_json(description.as_dict())
    else:
        print_tables(description.tables())


def _print_listing(found: Listing[object], as_json: bool) -> None:
    if as_json:
        print_json([dict(row) for row in found.rows])
    elif found:
        print_table(found.table)
    else:
        print_line("none")
