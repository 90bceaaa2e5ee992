"""What every command that works on a store shares: where it is, JSON or text, and errors."""

import json
import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tandem.errors import TandemError, ValidationError
from tandem.sdk.store import connect

DEFAULT_PORT = 8790
console = Console()


class Failure(click.ClickException):
    """An error as the user sees it: one line, and exit code 1."""

    def format_message(self) -> str:
        return " ".join(self.message.split())


def with_store(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options --store and --json, and makes errors one line.

    The command is called with the store, and whether JSON is wanted.
    """

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
            raise Failure(f"there is no store in {location!r}: give --store FOLDER or URL")
        try:
            with connect(location) as store:
                command(store, as_json, **arguments)
        except TandemError as error:
            raise Failure(str(error)) from error

    return run


def name_and_value(text: str, form: str) -> tuple[str, str]:
    """The two sides of NAME=VALUE. Raises ValidationError that shows the form."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValidationError(f"{text!r} is not {form}")
    return name, value


def names_and_values(texts: tuple[str, ...], form: str) -> dict[str, str]:
    """Several NAME=VALUE; a name that comes twice is refused."""
    found: dict[str, str] = {}
    for text in texts:
        name, value = name_and_value(text, form)
        if name in found:
            raise ValidationError(f"{name!r} is given twice")
        found[name] = value
    return found


def print_json(value: Any) -> None:
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
