"""Commands on records: put, get, list, delete, ingest."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.name_value import pairs_argument
from tandem.cli.output import Failure, print_json, print_line, print_outcome, print_table
from tandem.cli.store_option import with_store
from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table

target_stores_option = click.option(
    "--target-store",
    "target_stores",
    multiple=True,
    help="OnlineStore or OfflineStore; may be repeated. Without it, all the group has.",
)


@click.command()
@group_name_argument
@pairs_argument("values", "FEATURE=VALUE", required=True)
@click.option("--ttl", help="Time to live of this record, as '30 days'.")
@target_stores_option
@with_store
def put(
    store: FeatureStore,
    as_json: bool,
    name: str,
    values: Mapping[str, str],
    ttl: str | None,
    target_stores: tuple[str, ...],
) -> None:
    """Write a record.

    FEATURE=VALUE for each feature; a collection's value is a list in JSON.
    """
    group = store.feature_group(name)
    record = _with_collections(values, group.definition)
    group.put(record, target_stores=target_stores or None, ttl=ttl)
    identifier = record.get(group.definition.record_identifier_name)
    print_outcome(as_json, record, f"wrote {identifier} to {name}")


def _with_collections(record: Mapping[str, str], group: FeatureGroup) -> dict[str, Any]:
    read: dict[str, Any] = dict(record)
    for feature in group.features:
        if feature.collection is not None and feature.name in read:
            try:
                read[feature.name] = json.loads(read[feature.name])
            except ValueError as error:
                raise ValidationError(
                    f"the value {record[feature.name]!r:.80} of feature {feature.name!r} is not a"
                    f" {feature.collection}: write a list in JSON, such as '[1, 2]'"
                ) from error
    return read


@click.command()
@group_name_argument
@click.argument("identifiers", nargs=-1, required=True, metavar="IDENTIFIER...")
@click.option("--feature", "features", multiple=True, help="Only this feature; may be repeated.")
@with_store
def get(
    store: FeatureStore,
    as_json: bool,
    name: str,
    identifiers: tuple[str, ...],
    features: tuple[str, ...],
) -> None:
    """Read the newest records.

    Those with these identifiers in the online store; exit code 1 where one is missing.
    """
    found = store.feature_group(name).get_many(identifiers, features)
    if as_json:
        print_json(found[0] if len(found) == 1 else found)
    elif any(found):
        print_table(_records_table(identifiers, found))
    if None in found:
        missing = [key for key, record in zip(identifiers, found, strict=True) if record is None]
        raise Failure(f"no record in {name}: {', '.join(missing)}")


def _records_table(identifiers: tuple[str, ...], records: list[dict[str, Any] | None]) -> Table:
    """A row for each feature: records have many features, and one asks for few records."""
    names = list(dict.fromkeys(name for record in records if record for name in record))
    rows = [[name, *(record and record.get(name) for record in records)] for name in names]
    return Table(["", *identifiers], rows, cell_length_max=None)


@click.command("list-records")
@group_name_argument
@click.option("--limit", type=click.IntRange(min=1), help="At most this many.")
@click.option("--include-soft-deleted", is_flag=True, help="Those that were soft-deleted, too.")
@with_store
def list_records(
    store: FeatureStore, as_json: bool, name: str, limit: int | None, include_soft_deleted: bool
) -> None:
    """List the identifiers of records.

    Those in the online store, one a line, in no particular order.
    """
    group = store.feature_group(name)
    found = islice(group.list_records(include_soft_deleted=include_soft_deleted), limit)
    if as_json:
        print_json(list(found))
    else:
        for identifier in found:
            print_line(identifier)


@click.command("delete-record")
@group_name_argument
@click.argument("identifier")
@click.option("--event-time", required=True, help="As of when the record is deleted.")
@click.option("--hard", is_flag=True, help="Forget the record; without it a tombstone stays.")
@target_stores_option
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
    """Delete a record.

    From the online store; in history it is marked as deleted.
    """
    store.feature_group(name).delete(
        identifier,
        event_time,
        mode="HardDelete" if hard else "SoftDelete",
        target_stores=target_stores or None,
    )
    print_outcome(as_json, {"deleted": identifier}, f"deleted {identifier} in {name}")
