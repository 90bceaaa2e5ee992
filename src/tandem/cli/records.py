"""Commands on records: put, get, list, delete, ingest."""

from itertools import islice
from pathlib import Path

import click

from tandem.cli import show
from tandem.cli.store_option import Failure, console, names_and_values, print_json, with_store
from tandem.sdk.files import read_table
from tandem.sdk.store import FeatureStore

_stores = click.option(
    "--target-store",
    "target_stores",
    multiple=True,
    help="OnlineStore or OfflineStore; may be repeated. Without it, all the group has.",
)


@click.command()
@click.argument("name")
@click.argument("values", nargs=-1, required=True, metavar="FEATURE=VALUE...")
@_stores
@with_store
def put(
    store: FeatureStore,
    as_json: bool,
    name: str,
    values: tuple[str, ...],
    target_stores: tuple[str, ...],
) -> None:
    """Write one record, given as FEATURE=VALUE for each feature."""
    record = names_and_values(values, "FEATURE=VALUE")
    group = store.feature_group(name)
    group.put(record, target_stores=target_stores or None)
    if as_json:
        print_json(record)
    else:
        identifier = record.get(group.definition.record_identifier_name)
        console.print(f"wrote {identifier} to {name}", highlight=False, markup=False)


@click.command()
@click.argument("name")
@click.argument("identifiers", nargs=-1, required=True)
@click.option("--feature", "features", multiple=True, help="Only this feature; may be repeated.")
@with_store
def get(
    store: FeatureStore,
    as_json: bool,
    name: str,
    identifiers: tuple[str, ...],
    features: tuple[str, ...],
) -> None:
    """Read the newest records with these IDENTIFIERS from the online store."""
    found = store.feature_group(name).get_many(identifiers, features)
    if as_json:
        print_json(found[0] if len(found) == 1 else found)
    else:
        console.print(show.record_table(identifiers, found))
    if None in found:
        missing = [key for key, record in zip(identifiers, found, strict=True) if record is None]
        raise Failure(f"no record: {', '.join(missing)}")


@click.command("list-records")
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many.")
@click.option("--include-soft-deleted", is_flag=True, help="Those that were soft-deleted, too.")
@with_store
def list_records(
    store: FeatureStore, as_json: bool, name: str, limit: int | None, include_soft_deleted: bool
) -> None:
    """List the identifiers of the records in the online store, one a line."""
    group = store.feature_group(name)
    found = islice(group.list_records(include_soft_deleted=include_soft_deleted), limit)
    if as_json:
        print_json(list(found))
    else:
        for identifier in found:
            click.echo(identifier)


@click.command("delete-record")
@click.argument("name")
@click.argument("identifier")
@click.option("--event-time", required=True, help="As of when the record is deleted.")
@click.option("--hard", is_flag=True, help="Forget the record; without it a tombstone stays.")
@_stores
@with_store
def delete_record(
    store: FeatureStore,
    as_json: bool,
    name: str,
    identifier: str,
    event_time: str,
    hard: bool,
    target_stores: tuple[str, ...],
) -> None:
    """Delete a record from the online store, and mark it deleted in history."""
    store.feature_group(name).delete(
        identifier,
        event_time,
        mode="HardDelete" if hard else "SoftDelete",
        target_stores=target_stores or None,
    )
    if as_json:
        print_json({"deleted": identifier})
    else:
        console.print(f"deleted {identifier} in {name}", highlight=False, markup=False)


@click.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_stores
@with_store
def ingest(
    store: FeatureStore, as_json: bool, name: str, file: Path, target_stores: tuple[str, ...]
) -> None:
    """Write every row of FILE (CSV, Parquet or JSON lines) as a record.

    All rows are checked before the first is written.
    """
    group = store.feature_group(name)
    rows = group.ingest(
        read_table(file, group.definition.features), target_stores=target_stores or None
    )
    if as_json:
        print_json({"rows": rows})
    else:
        console.print(f"wrote {rows} records to {name}", highlight=False)
