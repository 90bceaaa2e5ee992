"""`tandem`: serve a store, look at it, change it, read and write records, run SQL.

Exit codes: 0 done; 1 the store refused or failed, in one line on standard error; 2 wrong usage;
3 `apply --plan` found something to do.
"""

import click

from tandem.cli.apply import apply
from tandem.cli.completion import completion
from tandem.cli.groups import create, delete, describe, groups, search, tags, update
from tandem.cli.query import query
from tandem.cli.records import delete_record, get, ingest, list_records, put
from tandem.cli.schema_changes import alias, clone, restore, retire
from tandem.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tandem-feature-store", prog_name="tandem")
def main() -> None:
    """An open feature store that speaks the Amazon SageMaker Feature Store API."""


for command in (
    *(serve, groups, describe, search, create, update, delete, tags, apply),
    *(put, get, list_records, delete_record, ingest, query),
    *(retire, restore, clone, alias, completion),
):
    main.add_command(command)
