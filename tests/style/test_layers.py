"""Every folder of the package stands in the list of layers that import-linter checks."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_top_level_name_is_a_layer() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = settings["tool"]["importlinter"]["contracts"][0]
    layers = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    layers |= set(contract["exhaustive_ignores"])
    package = ROOT / "src/tandem"
    found = {path.stem for path in package.glob("*.py")} | {
        path.name for path in package.iterdir() if (path / "__init__.py").exists()
    }
    assert found - {"__init__"} == layers
