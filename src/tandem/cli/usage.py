"""`tandem usage`: what a feature group was used for, and what it stores."""

from dataclasses import asdict
from datetime import datetime

import click

from tandem.cli.group_names import group_name_argument
from tandem.cli.output import print_json, print_line, print_table
from tandem.cli.store_option import with_store
from tandem.model.usage import Period
from tandem.sdk.store import FeatureStore

_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]


@click.command()
@group_name_argument
@click.option(
    "--by",
    "period",
    type=click.Choice([period.value for period in Period]),
    default=Period.HOUR.value,
    show_default=True,
    help="The length of a row. Minutes are kept for a day, hours for 93 days.",
)
@click.option(
    "--since",
    type=click.DateTime(_FORMATS),
    help="The first moment, in UTC; by default an hour ago for minutes, a day ago for hours.",
)
@click.option("--until", type=click.DateTime(_FORMATS), help="The end, in UTC; by default now.")
@click.option("--no-stored", is_flag=True, help="Leave out the bytes stored, which are counted.")
@with_store
def usage(
    store: FeatureStore,
    as_json: bool,
    name: str,
    period: str,
    since: datetime | None,
    until: datetime | None,
    no_stored: bool,
) -> None:
    """Show what a feature group was used for.

    Units are those of AWS: 4 KB read, 1 KB written. Periods without any usage are left out.
    """
    group = store.feature_group(name)
    used = group.usage(period, since=since, until=until)
    stored = None if no_stored else group.stored()
    if as_json:
        print_json({"usage": list(used.rows), "stored": None if stored is None else asdict(stored)})
        return
    if used:
        print_table(used.table)
    else:
        print_line(f"{name} was not used then")
    if stored is not None:
        print_line(
            f"stored: {stored.online_records} records with {stored.online_bytes} bytes online,"
            f" {stored.offline_bytes} bytes offline"
        )
