"""The reference is complete: every setting, operation, limit and command has its line."""

import tomllib
from dataclasses import fields
from pathlib import Path
from unittest.mock import Mock

import pytest

from tandem.assembly.settings import Settings
from tandem.cli import main
from tandem.model import limits
from tandem.service.feature_groups import Account
from tandem.wire.featurestore_runtime import featurestore_runtime_service
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
        sts_service(Account()),
        iam_service(core, tokens),
    ]
    return [operation.name for service in services for operation in service.operations]


def test_every_command_is_documented() -> None:
    page = (DOCS / "command-line.md").read_text()
    for name, command in main.commands.items():
        assert f"| `tandem {name}" in page, name
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert f"`{option}`" in page, f"{name} {option}"


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
