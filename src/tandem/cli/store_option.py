"""What every command that works on a store has: where the store is, and JSON or text.

An error of the store, and one of the machine such as a full disk, ends a command with one line and
exit code 1.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tandem.assembly.token_key import holds_store
from tandem.cli.interrupts import interrupts_held_back, interrupts_obeyed
from tandem.cli.output import Failure, logging_in_lines
from tandem.errors import TandemError
from tandem.sdk.connection import connect
from tandem.sdk.store import FeatureStore
from tandem.server.address_file import DEFAULT_PORT

_DEFAULT_LOCATION = f"http://127.0.0.1:{DEFAULT_PORT}"

location_option = click.option(
    "--store",
    "location",
    envvar="TANDEM_STORE",
    default=_DEFAULT_LOCATION,
    show_default=True,
    show_envvar=True,
    metavar="FOLDER|URL",
    help="Folder of a store, or URL of a server.",
)


def with_store(
    command: Callable[..., None] | None = None,
    *,
    may_make: bool = False,
    before: Callable[..., None] | None = None,
    ends_at_interrupts: bool = True,
) -> Callable[..., Any]:
    """Gives a command the options --store and --json; it is called with the store, and whether
    JSON is wanted. With `may_make`, a folder that holds no store becomes one, unless the command
    only plans. `before` sees the arguments before the store is opened. A command that does not end
    at interrupts sees to them itself.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @location_option
        @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        @wraps(command)
        def run(location: str, as_json: bool, **arguments: Any) -> None:
            check_encoding(arguments)
            if before is not None:
                before(**arguments)
            makes = may_make and not arguments.get("only_plan")
            obeyed = interrupts_obeyed() if ends_at_interrupts else nullcontext()
            with (
                failing_in_a_line(),
                logging_in_lines(),
                obeyed,
                open_store(location, may_make=makes) as store,
            ):
                command(store, as_json, **arguments)

        return run

    return decorate if command is None else decorate(command)


@contextmanager
def failing_in_a_line() -> Iterator[None]:
    """Makes errors of a store and of the machine the end of a command."""
    try:
        yield
    except TandemError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # whoever read the output has left: click ends quietly
        file = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{file}{error.strerror}") from error


def open_store(location: str, *, may_make: bool = False) -> FeatureStore:
    """The store in a folder or at a URL. A folder that holds none is taken for a slip of the pen
    unless the command `may_make` a store.
    """
    if "://" not in location and not may_make and not holds_store(Path(location)):
        raise Failure(
            f"there is no store in {location!r}: give its folder or the URL of a server with"
            " --store or TANDEM_STORE; 'tandem create' and 'tandem apply' make a store"
        )
    with interrupts_held_back():
        return connect(location)


def check_encoding(arguments: dict[str, Any]) -> None:
    """Bytes that are no UTF-8 cannot be kept: nothing in a store is anything but text."""
    for value in arguments.values():
        texts = [*value, *value.values()] if isinstance(value, dict) else value
        for text in texts if isinstance(texts, list | tuple) else (texts,):
            if isinstance(text, str) and any("\ud800" <= sign <= "\udfff" for sign in text):
                raise click.UsageError(f"{text!r} is not text in UTF-8")
