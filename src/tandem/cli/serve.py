"""`tandem serve`."""

import logging
from pathlib import Path
from typing import Any

import click

from tandem.assembly.settings import settings_from_environment
from tandem.cli.output import Failure
from tandem.errors import TandemError
from tandem.server.address_file import DEFAULT_PORT
from tandem.server.run import serve as run_server
from tandem.server.without_pandas import keep_out_pandas

_WORKERS_MAX = 64


@click.command()
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
@click.option(
    "--workers",
    type=click.IntRange(1, _WORKERS_MAX),
    help="Processes that answer requests, side by side.  [default: TANDEM_WORKERS, or 1]",
)
@click.option(
    "--insecure", is_flag=True, help="Bind other addresses than loopback without access keys."
)
def serve(data: Path, host: str, port: int, workers: int | None, insecure: bool) -> None:
    """Serve a store over HTTP until stopped."""
    keep_out_pandas()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def say_ready(url: str, requires_signatures: bool) -> None:
        signed = "; requests must be signed" if requires_signatures else ""
        click.echo(f"Tandem is ready at {url} (data in {data}{signed})")

    try:
        given: dict[str, Any] = {} if workers is None else {"workers": workers}
        settings = settings_from_environment(data=data, **given)
        run_server(settings, host, port, is_insecure=insecure, when_ready=say_ready)
    except TandemError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or data}: {error.strerror}: give another --data") from error
