"""`tandem dataset`: make, list, show, make again and delete training sets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from tandem.cli.name_value import pairs_option
from tandem.cli.output import print_json, print_line, print_table, print_tables, rows_by_name
from tandem.cli.store_option import with_store
from tandem.errors import ValidationError
from tandem.model.event_time import parse_iso_or_epoch
from tandem.rows.python_cells import shown_cells
from tandem.sdk.arguments import ttl_duration
from tandem.sdk.dataset import RecordedDataset, TrainingSet
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table, cell

_ROWS_SHOWN = 10


@click.group()
def dataset() -> None:
    """Make training sets; say what they were made of."""


def _with_features(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a set is made of, and where it goes."""
    for option in reversed(
        (
            click.option(
                "--feature",
                "features",
                multiple=True,
                required=True,
                metavar="[COLUMN=]GROUP:FEATURE",
                help="A feature, or GROUP:* for all; may be repeated.",
            ),
            pairs_option(
                "--key", "keys", "GROUP=COLUMN", help="The column that identifies its records."
            ),
            click.option(
                "--event-time", default="event_time", show_default=True, help="The moment's column."
            ),
            click.option("--as-of", metavar="TIME", help="Only what was written by then."),
            click.option(
                "--max-age",
                "max_ages",
                multiple=True,
                metavar="[GROUP=]DURATION",
                help="Nothing older, as '30 days'; may be repeated.",
            ),
            click.option("--from", "start", metavar="TIME", help="No event times before."),
            click.option("--until", "end", metavar="TIME", help="No event times from then on."),
            click.option("--out", metavar="PATH|URI", help="Write Parquet, also to s3:// of it."),
            click.option("--no-record", is_flag=True, help="Do not keep what it was made of."),
        )
    ):
        command = option(command)
    return command


@dataset.command()
@click.argument("labels", type=click.Path(exists=True, path_type=Path))
@_with_features
@with_store
def make(store: FeatureStore, as_json: bool, labels: Path, out: str | None, **given: Any) -> None:
    """Make a training set of the labels in a file.

    CSV, JSON lines, Parquet, or a folder of Parquet files, each row with its moment.
    """
    _show(store.training_set(labels, **_arguments(**given)), as_json, out)


@dataset.command()
@click.argument("entities", required=False)
@click.option("--at", metavar="TIME", help="As of then; without it, now.")
@_with_features
@with_store
def latest(
    store: FeatureStore,
    as_json: bool,
    entities: str | None,
    at: str | None,
    out: str | None,
    **given: Any,
) -> None:
    """Read the newest values of many records.

    ENTITIES is a file of identifiers, or a feature group for all its records.
    """
    rows = Path(entities) if entities is not None and Path(entities).exists() else entities
    found = store.latest(entities=rows, at=_moment(at), **_arguments(**given))
    _show(found, as_json, out)


@dataset.command("list")
@with_store
def list_(store: FeatureStore, as_json: bool) -> None:
    """List recorded training sets, the newest first."""
    found = store.datasets()
    if as_json:
        print_json([_record(one) for one in found])
    else:
        print_table(found.table)


@dataset.command()
@click.argument("dataset_id", metavar="ID")
@with_store
def show(store: FeatureStore, as_json: bool, dataset_id: str) -> None:
    """Say what a training set was made of."""
    found = store.dataset(dataset_id)
    if as_json:
        print_json(_record(found))
    else:
        print_tables(found.tables)


@dataset.command()
@click.argument("dataset_id", metavar="ID")
@click.option(
    "--labels",
    type=click.Path(exists=True, path_type=Path),
    help="The labels, where they were not kept.",
)
@click.option("--out", metavar="PATH|URI", help="Write Parquet, also to s3:// of the store.")
@with_store
def rebuild(
    store: FeatureStore, as_json: bool, dataset_id: str, labels: Path | None, out: str | None
) -> None:
    """Make the same rows again, and check that they are.

    Exit code 1 where they cannot be made any more.
    """
    _show(store.dataset(dataset_id).rebuild(labels), as_json, out)


@dataset.command()
@click.argument("dataset_id", metavar="ID")
@with_store
def delete(store: FeatureStore, as_json: bool, dataset_id: str) -> None:
    """Forget a recorded training set."""
    store.delete_dataset(dataset_id)
    if as_json:
        print_json({"deleted": dataset_id})
    else:
        print_line(f"deleted {dataset_id}")


def _show(made: TrainingSet, as_json: bool, out: str | None) -> None:
    files = [] if out is None else made.to_parquet(out)
    if as_json:
        rows = {} if out is not None else {"rows": rows_by_name(made.to_arrow())}
        recorded = made.dataset
        record = None if recorded is None else _record(recorded)
        print_json({"dataset": record, "files": files, **rows})
        return
    if out is None:
        first = next(made.batches(_ROWS_SHOWN), None)
        shown = [] if first is None else [shown_cells(column) for column in first.columns]
        rows_shown = [[cell(value) for value in row] for row in zip(*shown, strict=True)]
        print_table(Table(made.column_names, rows_shown))
    for file in files:
        print_line(f"wrote {file}")
    recorded_as = f", recorded as {made.id}" if made.id else ""
    print_line(f"{len(made)} rows{recorded_as}")


def _record(found: RecordedDataset) -> Any:
    return msgspec.to_builtins(found.record, str_keys=True)


def _arguments(
    features: Sequence[str],
    keys: Mapping[str, str],
    event_time: str,
    as_of: str | None,
    max_ages: Sequence[str],
    start: str | None,
    end: str | None,
    no_record: bool,
) -> dict[str, Any]:
    return {
        "features": _features(features),
        "keys": keys,
        "event_time": event_time,
        "as_of": _moment(as_of),
        "max_age": _max_age(max_ages),
        "event_time_range": (_moment(start), _moment(end)) if start or end else None,
        "record": not no_record,
    }


def _features(texts: Sequence[str]) -> Sequence[str] | dict[str, str]:
    if not any("=" in text for text in texts):
        return texts
    named: dict[str, str] = {}
    for text in texts:
        column, _, feature = text.rpartition("=")
        column = column or feature.rpartition(":")[2]
        if column in named:
            raise click.UsageError(f"two features would be in the column {column!r}: rename one")
        named[column] = feature
    return named


def _max_age(texts: Sequence[str]) -> timedelta | dict[str, timedelta] | None:
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _duration(texts[0])
    by_group = {}
    for text in texts:
        group, equals, duration = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} does not say of which group: write GROUP=DURATION")
        by_group[group] = _duration(duration)
    return by_group


def _duration(text: str) -> timedelta:
    found = ttl_duration(text)
    assert found is not None
    return timedelta(seconds=found.seconds)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = parse_iso_or_epoch(text)
    try:
        whole = datetime.fromtimestamp(found.seconds, UTC)
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"{text!r} is not a moment that can be asked for") from error
    return whole + timedelta(microseconds=found.nanoseconds // 1_000)
