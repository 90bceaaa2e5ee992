"""`tandem batch-load`: have the store load files, in the background."""

from typing import Any

import click

from tandem.cli.group_names import complete_group_name, group_name_argument
from tandem.cli.ingest import progress_bar
from tandem.cli.output import Failure, print_json, print_line, print_table
from tandem.cli.records import target_stores_option
from tandem.cli.store_option import with_store
from tandem.model.batch_load import LoadStatus
from tandem.sdk.batch_load import BatchLoad, batch_load_values
from tandem.sdk.store import FeatureStore


@click.group("batch-load")
def batch_load() -> None:
    """Have the store load files, in the background."""


_wait_option = click.option(
    "--wait", "waits", is_flag=True, help="Wait for its end; exit code 1 unless all rows are in."
)
_id_argument = click.argument("batch_load_id", metavar="ID")


@batch_load.command()
@group_name_argument
@click.argument("files", metavar="LOCATION")
@target_stores_option
@click.option("--format", "form", help="csv, parquet or jsonl; without it, names tell.")
@click.option("--delimiter", help="What separates the cells of CSV.")
@click.option("--skip-failed", is_flag=True, help="Leave out rows that do not fit.")
@click.option(
    "--failed-rows", help="The file for them, .csv or .parquet, where the store may write."
)
@click.option("--ingestion-id", help="A name for this input: a later load goes on behind it.")
@_wait_option
@with_store
def start(
    store: FeatureStore,
    as_json: bool,
    name: str,
    files: str,
    target_stores: tuple[str, ...],
    form: str | None,
    delimiter: str | None,
    skip_failed: bool,
    failed_rows: str | None,
    ingestion_id: str | None,
    waits: bool,
) -> None:
    """Load the files at a location.

    LOCATION is s3://bucket/prefix, or a folder of the store's machine that its settings allow: a
    file, a folder or a pattern. Over a folder, the load runs while a command or a server does: use
    --wait.
    """
    load = store.batch_load(
        name,
        files,
        format=form,
        delimiter=delimiter,
        target_stores=target_stores or None,
        on_error="skip" if skip_failed or failed_rows is not None else "raise",
        ingestion_id=ingestion_id,
        failed_rows=failed_rows,
    )
    _show(load, as_json, waits=waits)


@batch_load.command()
@_id_argument
@_wait_option
@with_store
def status(store: FeatureStore, as_json: bool, batch_load_id: str, waits: bool) -> None:
    """Say how far a load is, and how it ended."""
    _show(store.find_batch_load(batch_load_id), as_json, waits=waits)


@batch_load.command("list")
@click.option("--group", shell_complete=complete_group_name, help="Of this feature group.")
@click.option("--status", type=click.Choice(list(LoadStatus)), help="In this status.")
@with_store
def list_(store: FeatureStore, as_json: bool, group: str | None, status: str | None) -> None:
    """List batch loads, the newest first."""
    found = store.batch_loads(group, status)
    if as_json:
        print_json([batch_load_values(one.record) for one in found])
    elif found:
        print_table(found.table)
    else:
        print_line("none")


@batch_load.command()
@_id_argument
@_wait_option
@with_store
def cancel(store: FeatureStore, as_json: bool, batch_load_id: str, waits: bool) -> None:
    """Stop a load; what is in stays."""
    load = store.find_batch_load(batch_load_id)
    load.cancel()
    if waits:
        load.wait()
    _print(load, as_json)


def _show(load: BatchLoad, as_json: bool, *, waits: bool) -> None:
    if waits:
        _wait(load)
    _print(load, as_json)
    record = load.record
    if waits and record.status is not LoadStatus.COMPLETED:
        raise Failure(f"the load is {record.status}: {record.failure_reason}")
    if waits and (failed := record.progress.rows_failed):
        rows = f"{failed} row{'s' if failed != 1 else ''}"
        raise Failure(f"{rows} did not fit: see {record.failed_rows}")


def _wait(load: BatchLoad) -> None:
    with progress_bar() as bar:
        task = bar.add_task(load.record.group_name, total=None)

        def told(progress: Any) -> None:
            bar.update(task, completed=progress.rows_done, total=progress.rows_total)

        load.wait(progress=told)


def _print(load: BatchLoad, as_json: bool) -> None:
    if as_json:
        print_json(batch_load_values(load.record))
    else:
        print_table(load.table)
