"""`tandem query`."""

import click

from tandem.cli.output import print_json, print_line, print_table, rows_by_name
from tandem.cli.store_option import with_store
from tandem.query.base import SqlDialect
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import first_rows

_ROWS_SHOWN_MAX = 100


@click.command()
@click.argument("statement")
@click.option(
    "--dialect",
    type=click.Choice([dialect.value for dialect in SqlDialect]),
    default=SqlDialect.DUCKDB.value,
    show_default=True,
    help="The SQL that the statement is written in.",
)
@with_store
def query(store: FeatureStore, as_json: bool, statement: str, dialect: str) -> None:
    """Run a SQL SELECT over history.

    Feature groups and aliases are tables; names with hyphens stand in double quotes.
    """
    result = store.sql(statement, dialect=dialect)
    if as_json:
        print_json(rows_by_name(result.to_arrow()))
        return
    print_table(first_rows(result.to_arrow(), _ROWS_SHOWN_MAX))
    if len(result) > _ROWS_SHOWN_MAX:
        print_line(f"the first {_ROWS_SHOWN_MAX} of {len(result)} rows; --json prints all")
