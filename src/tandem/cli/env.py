"""`tandem env`, made for `eval "$(tandem env)"`.

Where it fails, it prints a command that fails too, so that a script does not go on to real AWS.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tandem.assembly.settings import settings_from_environment
from tandem.cli.aws_variables import aws_variables
from tandem.cli.output import Failure
from tandem.cli.shells import SHELLS, change_lines, json_text, restore_lines, restored, unchanged
from tandem.errors import NotAuthenticated, StoreUnavailable, TandemError
from tandem.sdk.credentials import Credentials, found_credentials
from tandem.sdk.http import Http
from tandem.server.address_file import DEFAULT_PORT, announced_url

_DEFAULT_DATA = Path("tandem-data")
_DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
_ANY_ADDRESS = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}
"""What a server binds to be reached under each address of its machine, and the one to use here."""


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that the server runs on, as given to 'tandem serve'.",
)
@click.option("--url", help="URL of the server.")
@click.option("--region", help="Region to name; by default the server's.")
@click.option(
    "--shell",
    "shell_name",
    type=click.Choice([*SHELLS, "json"]),
    default="sh",
    show_default=True,
    help="Whose lines are printed; sh is for bash and zsh too.",
)
@click.option("--unset", "takes_back", is_flag=True, help="Print what takes it all back.")
def env(
    data: Path | None, url: str | None, region: str | None, shell_name: str, takes_back: bool
) -> None:
    """Print what sends this shell's AWS clients to a server.

    boto3, the AWS CLI, the SageMaker SDK and PyIceberg then use it: eval "$(tandem env)". Without
    --data and --url it is the server on ./tandem-data, or else the one on port 8790. Where requests
    must be signed, the access key is this shell's, or the oldest that was made in the folder.
    """
    if data is not None and url is not None:
        raise click.UsageError("--data and --url each name a server: give one of them")
    shell = SHELLS.get(shell_name)
    if takes_back:
        lines = restore_lines(shell, os.environ) if shell else json_text(restored(os.environ))
        click.echo(lines)
        return
    try:
        address = (url or _address(data)).rstrip("/")
        folder = data or (_DEFAULT_DATA if url is None else None)
        server, credentials = _asked(address, folder, unchanged(os.environ))
    except TandemError as error:
        if shell is not None:
            click.echo(shell.failure)
        raise Failure(str(error)) from error
    named = region or server["Region"]
    variables = aws_variables(address, named, unchanged(os.environ), *credentials)
    click.echo(change_lines(shell, os.environ, variables) if shell else json_text(variables))


def _asked(
    address: str, folder: Path | None, environment: Mapping[str, str]
) -> tuple[Mapping[str, Any], Sequence[Credentials]]:
    """What the server says of itself, and the credentials that it takes; none where it takes any.

    They are those of this shell, or those of a key that was made in the folder of the server.
    """
    found = found_credentials(environment)
    try:
        server = _server(address, found)
    except NotAuthenticated:
        found = None if folder is None else _made_in(folder)
        if found is None:
            raise
        server = _server(address, found)
    if found is None or server.get("Signatures") != "required":
        return server, []
    return server, [found]


def _server(address: str, credentials: Credentials | None) -> Mapping[str, Any]:
    return Http(address, credentials=credentials).json("GET", "/tandem/server")


def _made_in(folder: Path) -> Credentials | None:
    """The oldest access key of a folder, for whoever may read the folder."""
    if not folder.is_dir():
        return None
    # Here, since the engines take most of a command's start, and mostly no key is needed.
    from tandem.assembly.access_keys import holds_access_keys, opened_access_keys

    try:
        if not holds_access_keys(folder):
            return None
        with opened_access_keys(settings_from_environment(data=folder)) as keys:
            key = next(iter(keys.made()), None)
            if key is None:
                return None
            return Credentials(key.access_key_id, keys.secret_of_made(key))
    except OSError:  # somebody else's folder
        return None


def _address(data: Path | None) -> str:
    """The URL of the server on a folder. Raises StoreUnavailable where none runs on it."""
    url = announced_url(data or _DEFAULT_DATA)
    if url is None and data is not None:
        raise StoreUnavailable(
            f"no server runs on the folder {str(data)!r}: start it with"
            f" 'tandem serve --data {data}'"
        )
    for any_address, own in _ANY_ADDRESS.items():
        url = url and url.replace(any_address, own)
    return url or _DEFAULT_URL
