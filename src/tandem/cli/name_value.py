"""Arguments of the form NAME=VALUE, of which a command gets a mapping."""

from collections.abc import Callable
from typing import Any

import click


def pairs_argument(name: str, form: str, *, required: bool = False) -> Callable[..., Any]:
    metavar = f"{form}..." if required else f"[{form}]..."
    return click.argument(name, nargs=-1, required=required, metavar=metavar, callback=_read(form))


def pairs_option(option: str, name: str, form: str, help: str) -> Callable[..., Any]:  # noqa: A002
    return click.option(option, name, multiple=True, metavar=form, callback=_read(form), help=help)


def _read(form: str) -> Callable[..., dict[str, str]]:
    def read(
        context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise click.BadParameter(f"{text!r} is not {form}", context, parameter)
            if name in found:
                raise click.BadParameter(f"{name!r} is given twice", context, parameter)
            found[name] = value
        return found

    return read
