"""`tandem query`."""

import click

from tandem.cli import show
from tandem.cli.store_option import console, print_json, with_store
from tandem.sdk.store import FeatureStore


@click.command()
@click.argument("statement")
@with_store
def query(store: FeatureStore, as_json: bool, statement: str) -> None:
    """Run a SQL SELECT over history. Feature groups are tables."""
    table = store.sql(statement).to_arrow()
    if as_json:
        print_json(table.to_pylist())
    else:
        console.print(show.arrow_table(table))
