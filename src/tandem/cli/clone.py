"""`tandem clone`: a feature group in other types."""

from collections.abc import Mapping

import click

from tandem.cli.group_names import complete_group_name
from tandem.cli.name_value import pairs_option
from tandem.cli.output import print_outcome
from tandem.cli.store_option import with_store
from tandem.sdk.listing import group_summary
from tandem.sdk.store import FeatureStore


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
    print_outcome(
        as_json, group_summary(group.definition, group.tags), f"cloned {source} as {target}"
    )
