"""Commands on feature groups: list, describe, search, create, update, delete, tag."""

from pathlib import Path

import click

from tandem.cli import show
from tandem.cli.store_option import (
    Failure,
    console,
    name_and_value,
    names_and_values,
    print_json,
    with_store,
)
from tandem.errors import ValidationError
from tandem.sdk.declaration import DeclaredGroup, declarations
from tandem.sdk.files import read_table
from tandem.sdk.plan import plan
from tandem.sdk.store import FeatureStore

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("name_contains", required=False)
@with_store
def groups(store: FeatureStore, as_json: bool, name_contains: str | None) -> None:
    """List feature groups, or those whose name holds NAME_CONTAINS."""
    found = store.groups(name_contains)
    if as_json:
        print_json([show.summary(group.definition) for group in found])
    else:
        console.print(show.listing(found))


@click.command()
@click.argument("name")
@with_store
def describe(store: FeatureStore, as_json: bool, name: str) -> None:
    """Describe a feature group: schema, tags, freshness, counts, a sample."""
    description = store.describe(name)
    if as_json:
        print_json(show.description(description))
    else:
        for table in show.description_tables(description):
            console.print(table)


@click.command()
@click.argument("text", required=False)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Has this tag.")
@click.option("--features", "of_features", is_flag=True, help="Search features, not groups.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="KEY=VALUE", help="With --features."
)
@with_store
def search(
    store: FeatureStore,
    as_json: bool,
    text: str | None,
    tags: tuple[str, ...],
    of_features: bool,
    parameters: tuple[str, ...],
) -> None:
    """Find feature groups, or features, whose names or descriptions hold TEXT."""
    if parameters and not of_features:
        raise click.UsageError("--parameter needs --features")
    if tags and of_features:
        raise click.UsageError("--tag is of groups: leave out --features")
    if of_features:
        named = names_and_values(parameters, "KEY=VALUE")
        features = store.search_features(text, parameters=named)
        if as_json:
            print_json([dict(row) for row in features.rows])
        else:
            console.print(show.listing(features))
        return
    found = store.search(text, tags=names_and_values(tags, "KEY=VALUE"))
    if as_json:
        print_json([show.summary(group.definition) for group in found])
    else:
        console.print(show.listing(found))


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--file", "file", type=_file, help="YAML or JSON that declares the group.")
@click.option("--like", type=_file, help="CSV or Parquet whose columns are the features.")
@click.option("--record-identifier", help="With --like: the feature that identifies a record.")
@click.option("--event-time", help="With --like: the feature that holds the event time.")
@click.option("--online/--no-online", default=True, help="With --like: an online store.")
@click.option("--offline/--no-offline", default=True, help="With --like: an offline store.")
@click.option("--table-format", default="Glue", help="With --like: Glue (Parquet) or Iceberg.")
@click.option("--description", help="With --like.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="With --like.")
@with_store
def create(
    store: FeatureStore,
    as_json: bool,
    name: str | None,
    file: Path | None,
    like: Path | None,
    record_identifier: str | None,
    event_time: str | None,
    online: bool,
    offline: bool,
    table_format: str,
    description: str | None,
    tags: tuple[str, ...],
) -> None:
    """Create a feature group, from a declaration (-f) or from a sample of its data (--like)."""
    if (file is None) == (like is None):
        raise click.UsageError("give either -f FILE or NAME with --like FILE")
    if file is not None:
        if name is not None:
            raise click.UsageError("-f FILE names the feature group: leave out NAME")
        created = _create_declared(store, file)
    else:
        assert like is not None
        if name is None or record_identifier is None or event_time is None:
            raise click.UsageError("--like needs NAME, --record-identifier and --event-time")
        group = store.create_feature_group(
            name,
            features=read_table(like),
            record_identifier=record_identifier,
            event_time=event_time,
            online=online,
            offline=offline,
            table_format=table_format,
            description=description,
            tags=names_and_values(tags, "KEY=VALUE"),
        )
        created = [group.name]
    if as_json:
        definitions = [store.feature_group(one).definition for one in created]
        print_json([show.summary(definition) for definition in definitions])
    else:
        console.print(f"created {', '.join(created)}", highlight=False)


def _create_declared(store: FeatureStore, file: Path) -> list[str]:
    declared = declarations(file)
    groups = [one for one in declared if isinstance(one, DeclaredGroup)]
    if len(groups) < len(declared) or not groups:
        raise ValidationError(f"{file} must declare feature groups and nothing else: use apply")
    existing = set(store.groups().names)
    for group in groups:
        if group.feature_group in existing:
            raise Failure(f"there is a feature group {group.feature_group!r} already: use apply")
    for step in plan(store.control, groups):
        step.run()
    return [group.feature_group for group in groups]


@click.command()
@click.argument("name")
@click.option(
    "--add-feature",
    "additions",
    multiple=True,
    metavar="NAME=TYPE",
    help="String, Integral or Fractional; may be repeated.",
)
@click.option("--ttl", help="Time to live of later records, as '30 days'; 'none' removes it.")
@click.option("--storage-type", help="Standard_V2, which Standard can become.")
@click.option("--throughput-mode", help="OnDemand or Provisioned.")
@click.option("--read-units", type=int, help="Provisioned read capacity.")
@click.option("--write-units", type=int, help="Provisioned write capacity.")
@with_store
def update(
    store: FeatureStore,
    as_json: bool,
    name: str,
    additions: tuple[str, ...],
    ttl: str | None,
    storage_type: str | None,
    throughput_mode: str | None,
    read_units: int | None,
    write_units: int | None,
) -> None:
    """Update a feature group: add features, change its time to live, storage or throughput."""
    removes_ttl = ttl is not None and ttl.lower() == "none"
    group = store.feature_group(name)
    group.update(
        add_features=names_and_values(additions, "NAME=TYPE") or None,
        ttl=None if removes_ttl else ttl,
        remove_ttl=removes_ttl,
        storage_type=storage_type,
        throughput_mode=throughput_mode,
        read_units=read_units,
        write_units=write_units,
    )
    if as_json:
        print_json(show.summary(group.definition))
    else:
        console.print(f"updated {name}", highlight=False)


@click.command()
@click.argument("name")
@with_store
def delete(store: FeatureStore, as_json: bool, name: str) -> None:
    """Delete a feature group. Its history stays on disk."""
    store.delete_feature_group(name)
    if as_json:
        print_json({"deleted": name})
    else:
        console.print(f"deleted {name}", highlight=False)


@click.command()
@click.argument("name")
@click.argument("tags", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--remove", "removed", multiple=True, metavar="KEY", help="Remove this tag.")
@with_store
def tags(
    store: FeatureStore, as_json: bool, name: str, tags: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    """Show a feature group's tags, after adding and removing the ones given."""
    group = store.feature_group(name)
    added = dict(name_and_value(text, "KEY=VALUE") for text in tags)
    if added:
        group.add_tags(added)
    if removed:
        group.remove_tags(*removed)
    if as_json:
        print_json(group.tags)
    else:
        console.print(show.pairs_table("tag", "value", group.tags))
