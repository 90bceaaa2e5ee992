"""`tandem apply`."""

from pathlib import Path

import click

from tandem.cli.store_option import console, print_json, with_store
from tandem.sdk.declaration import declarations
from tandem.sdk.plan import Step, plan
from tandem.sdk.store import FeatureStore

CHANGES_PENDING = 3


@click.command()
@click.option(
    "-f",
    "--file",
    "path",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A YAML file, or a folder of them.",
)
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Show what would be done, and do nothing; exit code 3 if there is something.",
)
@with_store
def apply(store: FeatureStore, as_json: bool, path: Path, only_plan: bool) -> None:
    """Make the store as YAML files declare it: feature groups, features, tags, aliases.

    Nothing is deleted. Applying twice does the same as once.
    """
    steps = plan(store.control, declarations(path))
    if as_json:
        print_json(
            [{"target": step.target, "sign": step.sign, "change": step.what} for step in steps]
        )
    for step in steps:
        if not as_json:
            console.print(_shown(step), highlight=False, markup=False, style=_STYLES[step.sign])
        if not only_plan:
            step.run()
    if not as_json:
        count = f"{len(steps)} change{'s' if len(steps) != 1 else ''}"
        done = f"{count} to make" if only_plan else f"{count} made"
        console.print(done if steps else "nothing to do", highlight=False)
    if only_plan and steps:
        raise SystemExit(CHANGES_PENDING)


_STYLES = {"+": "green", "~": "yellow", "-": "red"}


def _shown(step: Step) -> str:
    return str(step)
