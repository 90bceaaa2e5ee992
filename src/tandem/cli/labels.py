"""Commands on what people say of feature groups and features: tags, feature."""

from collections.abc import Mapping

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.name_value import pairs_argument, pairs_option
from tandem.cli.output import print_json, print_table
from tandem.cli.store_option import with_store
from tandem.model.labels import check_tag_key
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table


@click.command()
@group_name_argument
@pairs_argument("tags", "KEY=VALUE")
@click.option(
    "--remove", "removed", multiple=True, metavar="KEY", help="Remove this tag; may be repeated."
)
@with_store
def tags(
    store: FeatureStore, as_json: bool, name: str, tags: Mapping[str, str], removed: tuple[str, ...]
) -> None:
    """Show or change a feature group's tags.

    Tags that are given are added, or get the new value; then all tags are shown.
    """
    _check_not_both(tags, removed)
    for key in removed:
        check_tag_key(key)  # before anything is added
    group = store.feature_group(name)
    if tags:
        group.add_tags(tags)
    if removed:
        group.remove_tags(*removed)
    if as_json:
        print_json(group.tags)
    else:
        print_table(Table(["tag", "value"], list(group.tags.items()), cell_length_max=None))


@click.command()
@group_name_argument
@click.argument("feature")
@click.option("--description", help="What the feature is; an empty text removes it.")
@pairs_option(
    "--parameter",
    "parameters",
    "KEY=VALUE",
    help="Add this parameter, or change its value; may be repeated.",
)
@click.option(
    "--remove",
    "removed",
    multiple=True,
    metavar="KEY",
    help="Remove this parameter; may be repeated.",
)
@with_store
def feature(
    store: FeatureStore,
    as_json: bool,
    name: str,
    feature: str,
    description: str | None,
    parameters: Mapping[str, str],
    removed: tuple[str, ...],
) -> None:
    """Show or change what is said of a feature.

    Its description, and its parameters, which are keys and values.
    """
    _check_not_both(parameters, removed)
    group = store.feature_group(name)
    if description is not None or parameters or removed:
        group.update_feature(
            feature, description=description, parameters=parameters, remove_parameters=removed
        )
    said = group.describe_feature(feature)
    if as_json:
        print_json({"description": said.description, "parameters": dict(said.parameters)})
    else:
        facts = [("description", said.description), *said.parameters.items()]
        print_table(Table(["", ""], facts, cell_length_max=None))


def _check_not_both(added: Mapping[str, str], removed: tuple[str, ...]) -> None:
    for key in removed:
        if key in added:
            raise click.UsageError(f"{key!r} is to be added and removed: choose one")
