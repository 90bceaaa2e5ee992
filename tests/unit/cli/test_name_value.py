"""Arguments of the form NAME=VALUE."""

import json

import click
import pytest
from click.testing import CliRunner

from tandem.cli.name_value import pairs_argument, pairs_option


@click.command()
@pairs_argument("values", "FEATURE=VALUE")
@pairs_option("--tag", "tags", "KEY=VALUE", help="A tag.")
def command(values: dict[str, str], tags: dict[str, str]) -> None:
    click.echo(json.dumps([values, tags]))


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ([], [{}, {}]),
        (["a=1", "b=x=y", "--tag", "team=growth"], [{"a": "1", "b": "x=y"}, {"team": "growth"}]),
        (["a="], [{"a": ""}, {}]),
        (["a=[1, 2]"], [{"a": "[1, 2]"}, {}]),
    ],
)
def test_pairs_are_read(arguments: list[str], read: object) -> None:
    assert json.loads(CliRunner().invoke(command, arguments).output) == read


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a"], "'a' is not FEATURE=VALUE"),
        (["=1"], "'=1' is not FEATURE=VALUE"),
        (["a=1", "a=2"], "'a' is given twice"),
        (["--tag", "x"], "Invalid value for '--tag': 'x' is not KEY=VALUE"),
    ],
)
def test_another_form_is_wrong_usage(arguments: list[str], said: str) -> None:
    shown = CliRunner().invoke(command, arguments)
    assert shown.exit_code == 2
    assert said in shown.output
