"""`tandem completion`."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands.

    Commands, options, files and the names of feature groups, in SHELL: eval "$(tandem completion
    bash)" in ~/.bashrc.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "tandem", "_TANDEM_COMPLETE").source())
