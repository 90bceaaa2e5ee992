"""The command that loads files: `tandem ingest`."""

import glob
import sys
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tandem.cli.group_names import group_name_argument
from tandem.cli.output import Failure, print_outcome
from tandem.cli.records import target_stores_option
from tandem.cli.store_option import with_store
from tandem.errors import ValidationError
from tandem.sdk.ingest_result import IngestResult
from tandem.sdk.store import FeatureStore


@click.command()
@group_name_argument
@click.argument("source", metavar="FILE")
@target_stores_option
@click.option(
    "--failed-rows",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Leave out rows that do not fit, and write them to this file (.csv or .parquet).",
)
@click.option("--ingestion-id", help="A name for this input: the same command goes on behind it.")
@with_store
def ingest(
    store: FeatureStore,
    as_json: bool,
    name: str,
    source: str,
    target_stores: tuple[str, ...],
    failed_rows: Path | None,
    ingestion_id: str | None,
) -> None:
    """Write every row of a file.

    FILE is CSV, Parquet or JSON lines; or a pattern such as 'data/*.parquet', or s3://bucket/key of
    the store's own buckets. Exit code 1 where a row does not fit.
    """
    if failed_rows is not None and failed_rows.suffix not in _WRITERS:
        raise Failure(f"{failed_rows} ends in {failed_rows.suffix!r}: use .csv or .parquet")
    is_plain = not (source.startswith("s3://") or glob.has_magic(source))
    if is_plain and not Path(source).exists():
        raise click.UsageError(f"File {source!r} does not exist.")
    if is_plain and Path(source).is_dir():
        raise click.UsageError(f"{source!r} is a directory: give a pattern of its files.")
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        done = store.feature_group(name).ingest(
            source,
            target_stores=target_stores or None,
            on_error="raise" if failed_rows is None else "skip",
            ingestion_id=ingestion_id,
            progress=lambda rows, total: bar.update(task, completed=rows, total=total),
        )
    failed = 0 if done.failed is None else len(done.failed)
    told = {"rows": done.rows, "failed": failed, "ingestion_id": done.ingestion_id}
    wrote = f"wrote {done.rows} record{'s' if done != 1 else ''} to {name}"
    print_outcome(as_json, told, wrote)
    if failed_rows is not None and failed:
        _write_failed(done, failed_rows)
        raise Failure(f"{failed} row{'s' if failed != 1 else ''} did not fit: see {failed_rows}")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")


def progress_bar() -> Progress:
    """On a terminal; the output of a command in a pipe is its result alone."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _write_failed(done: IngestResult, path: Path) -> None:
    assert done.failed is not None
    try:
        _WRITERS[path.suffix](done.failed.to_arrow(), path)
    except (pa.ArrowException, OSError) as error:
        raise ValidationError(f"{path} cannot be written: {error}") from error


_WRITERS = {".csv": pa.csv.write_csv, ".parquet": pa.parquet.write_table}
