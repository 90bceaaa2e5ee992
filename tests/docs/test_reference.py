"""The reference is complete: every setting, operation, limit and command has its line."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from unittest.mock import Mock

import click
import pytest

from tandem.assembly.settings import Settings
from tandem.cli import main
from tandem.model import limits
from tandem.wire.athena import athena_service
from tandem.wire.featurestore_runtime import featurestore_runtime_service
from tandem.wire.glue import glue_service
from tandem.wire.iam import iam_service
from tandem.wire.paging import PageTokens
from tandem.wire.sagemaker import sagemaker_service
from tandem.wire.sts import sts_service

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_setting_is_documented() -> None:
    page = (DOCS / "settings.md").read_text()
    missing = [field.name for field in fields(Settings) if f"| `{field.name}` |" not in page]
    assert not missing


def test_every_limit_is_documented() -> None:
    page = (DOCS / "limits.md").read_text()
    names = [name for name in vars(limits) if name.isupper()]
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_operation_is_documented() -> None:
    page = (DOCS / "api.md").read_text()
    missing = [name for name in operation_names() if f"| {name} |" not in page]
    assert not missing


def operation_names() -> list[str]:
    core, tokens = Mock(), PageTokens(None)
    services = [
        featurestore_runtime_service(core, tokens),
        sagemaker_service(core, tokens),
        sts_service(core),
        iam_service(core, tokens),
        glue_service(core, tokens),
        athena_service(core, tokens),
    ]
    return [operation.name for service in services for operation in service.operations]


def commands() -> dict[str, click.Command]:
    """Every command by how it is called; those of a group by the group's name and theirs."""
    context = click.Context(main)
    found: dict[str, click.Command] = {}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": each for inner, each in command.commands.items()}
        else:
            found[name] = command
    return found


def test_every_command_is_documented() -> None:
    page = (DOCS / "command-line.md").read_text()
    assert len(commands()) > 10
    for name in commands():
        assert f"| `tandem {name}" in page, name


def test_every_option_is_documented_under_its_command() -> None:
    documented = documented_options()
    for name, command in commands().items():
        options = {
            option
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert documented.get(name, set()) == options - {"--store", "--json"}, name


def documented_options() -> dict[str, set[str]]:
    """The options that the page has for each command; an empty cell repeats the command."""
    table = (DOCS / "command-line.md").read_text().partition("| command | option | does |")[2]
    found: dict[str, set[str]] = {}
    name = ""
    for line in table.partition("\n\n")[0].splitlines()[2:]:
        command, options = line.split("|")[1:3]
        name = command.strip(" `") or name
        found.setdefault(name, set()).update(re.findall(r"`(--?[a-z-]+)", options))
    return found


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_in_the_index(page: Path) -> None:
    assert page.name == "README.md" or f"({page.name})" in (DOCS / "README.md").read_text()


def test_every_package_is_in_the_architecture() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for package in (ROOT / "src/tandem").iterdir():
        if (package / "__init__.py").exists():
            assert f"`{package.name}/`" in page, package.name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "ARCHITECTURE.md").read_text().partition("## Dependencies")[2]
    for requirement in project["dependencies"]:
        assert requirement.partition(">")[0] in page, requirement
