"""`tandem access-keys`: who may sign requests to the server of a folder.

Keys are made where the folder is, not over HTTP: whoever can write the folder runs the store.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tandem.assembly.access_keys import holds_access_keys, opened_access_keys
from tandem.assembly.settings import settings_from_environment
from tandem.cli.output import Failure, print_json, print_line, print_outcome, print_table
from tandem.errors import TandemError
from tandem.sdk.tables import Table
from tandem.service.access_keys import AccessKey, AccessKeys


@click.group("access-keys")
def access_keys() -> None:
    """Say who may sign requests to a server.

    Running servers see changes within a second.
    """


def _with_keys(*, may_make: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command --data and --json; it is called with the keys of the folder, which is made
    where it is missing and the command `may_make` one.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.option(
            "--data",
            type=click.Path(file_okay=False, exists=not may_make, path_type=Path),
            default=Path("tandem-data"),
            show_default=True,
            help="Folder that the server runs on.",
        )
        @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        @wraps(command)
        def run(data: Path, as_json: bool, **arguments: Any) -> None:
            try:
                if not may_make and not holds_access_keys(data):
                    raise Failure(
                        f"there is no store in {str(data)!r}: give --data as to 'tandem serve'"
                    )
                with opened_access_keys(settings_from_environment(data=data)) as keys:
                    command(keys, as_json, **arguments)
            except TandemError as error:
                raise Failure(str(error)) from error
            except OSError as error:
                raise Failure(f"{error.filename or data}: {error.strerror}") from error

        return run

    return decorate


@access_keys.command()
@click.option("--description", default="", help="Whose it is, or what it is for.")
@_with_keys(may_make=True)
def create(keys: AccessKeys, as_json: bool, description: str) -> None:
    """Make an access key.

    Its secret is shown this once. A server that runs without signatures goes on so until it is
    started again.
    """
    key, secret = keys.create(description)
    if as_json:
        print_json({**_described(key), "SecretAccessKey": secret})
        return
    print_line(f"AWS_ACCESS_KEY_ID={key.access_key_id}")
    print_line(f"AWS_SECRET_ACCESS_KEY={secret}")
    click.echo("The secret is not shown again.", err=True)


@access_keys.command("list")
@_with_keys()
def list_keys(keys: AccessKeys, as_json: bool) -> None:
    """List the access keys that were made, without their secrets."""
    made = [_described(key) for key in keys.made()]
    if as_json:
        print_json(made)
    elif made:
        print_table(
            Table(["access key", "description", "made"], [list(row.values()) for row in made])
        )
    else:
        print_line("none")


@access_keys.command()
@click.argument("access_key_id", metavar="ID")
@_with_keys()
def delete(keys: AccessKeys, as_json: bool, access_key_id: str) -> None:
    """Delete an access key.

    What is signed by it, and by the sessions that it gave out, is refused from then on.
    """
    keys.delete(access_key_id)
    print_outcome(as_json, {"AccessKeyId": access_key_id}, f"deleted {access_key_id}")


def _described(key: AccessKey) -> dict[str, Any]:
    made = datetime.fromtimestamp(key.created_at_us // 1_000_000, UTC)
    return {
        "AccessKeyId": key.access_key_id,
        "Description": key.description,
        "CreateDate": made.isoformat(),
    }
