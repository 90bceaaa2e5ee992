"""`tandem`: serve a store, look at it, read and write records, run SQL.

Exit codes: 0 done; 1 the store refused or failed, in one line on standard error; 2 wrong usage.
"""

import json
import logging
import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tandem.assembly.settings import settings_from_environment
from tandem.cli import show
from tandem.errors import TandemError, ValidationError
from tandem.sdk.store import FeatureStore, connect
from tandem.server.run import serve as run_server

DEFAULT_PORT = 8790
_console = Console()


def _stores(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options --store and --json, and makes errors one line."""

    @click.option(
        "--store",
        "location",
        envvar="TANDEM_STORE",
        default=f"http://127.0.0.1:{DEFAULT_PORT}",
        show_default=True,
        help="Folder of a store, or URL of a server. Also TANDEM_STORE.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(command)
    def run(location: str, as_json: bool, **arguments: Any) -> None:
        if not location.startswith(("http://", "https://")) and not Path(location).is_dir():
            raise _Failure(f"there is no store in {location!r}: give --store FOLDER or URL")
        try:
            with connect(location) as store:
                command(store, as_json, **arguments)
        except TandemError as error:
            raise _Failure(str(error)) from error

    return run


class _Failure(click.ClickException):
    """An error as the user sees it: one line."""

    def format_message(self) -> str:
        return " ".join(self.message.split())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tandem-feature-store", prog_name="tandem")
def main() -> None:
    """An open feature store that speaks the Amazon SageMaker Feature Store API."""


@main.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("tandem-data"),
    show_default=True,
    help="Folder that holds everything; made where it is missing.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option("--insecure", is_flag=True, help="Bind other addresses than loopback.")
def serve(data: Path, host: str, port: int, insecure: bool) -> None:
    """Serve a store over HTTP until stopped."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def say_ready(url: str) -> None:
        click.echo(f"Tandem is ready at {url} (data in {data})")

    try:
        settings = settings_from_environment(data=data)
        run_server(settings, host, port, is_insecure=insecure, when_ready=say_ready)
    except TandemError as error:
        raise _Failure(str(error)) from error


@main.command()
@_stores
def groups(store: FeatureStore, as_json: bool) -> None:
    """List feature groups."""
    found = [store.feature_group(name).definition for name in store.feature_groups()]
    if as_json:
        _print_json([show.summary(group) for group in found])
    else:
        _console.print(show.group_table(found))


@main.command()
@click.argument("name")
@_stores
def describe(store: FeatureStore, as_json: bool, name: str) -> None:
    """Describe a feature group."""
    group = store.feature_group(name).definition
    if as_json:
        _print_json(show.description(group))
    else:
        _console.print(show.description_table(group))


@main.command()
@click.argument("name")
@click.argument("identifiers", nargs=-1, required=True)
@click.option("--feature", "features", multiple=True, help="Only this feature; may be repeated.")
@_stores
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
        _print_json(found[0] if len(found) == 1 else found)
    else:
        _console.print(show.record_table(identifiers, found))
    if None in found:
        missing = [key for key, record in zip(identifiers, found, strict=True) if record is None]
        raise _Failure(f"no record: {', '.join(missing)}")


@main.command()
@click.argument("name")
@click.argument("values", nargs=-1, required=True, metavar="FEATURE=VALUE...")
@_stores
def put(store: FeatureStore, as_json: bool, name: str, values: tuple[str, ...]) -> None:
    """Write one record, given as FEATURE=VALUE for each feature."""
    record = dict(_feature_and_value(text) for text in values)
    group = store.feature_group(name)
    group.put(record)
    if as_json:
        _print_json(record)
    else:
        _console.print(f"wrote {record.get(group.definition.record_identifier_name)} to {name}")


@main.command()
@click.argument("statement")
@_stores
def query(store: FeatureStore, as_json: bool, statement: str) -> None:
    """Run a SQL SELECT over history. Feature groups are tables."""
    table = store.sql(statement).to_arrow()
    if as_json:
        _print_json(table.to_pylist())
    else:
        _console.print(show.arrow_table(table))


def _feature_and_value(text: str) -> tuple[str, str]:
    feature, equals, value = text.partition("=")
    if not equals:
        raise ValidationError(f"{text!r} is not FEATURE=VALUE")
    return feature, value


def _print_json(value: Any) -> None:
    # JSON has no NaN and no infinity; a reader of JSON takes null for both.
    text = json.dumps(_finite(value), indent=2, default=_json_text, ensure_ascii=False)
    click.echo(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json_text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
