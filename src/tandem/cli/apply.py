"""`tandem apply`."""

from collections.abc import Sequence

import click

from tandem.cli.file_arguments import declarations_file
from tandem.cli.output import print_json, print_line
from tandem.cli.store_option import with_store
from tandem.sdk.declaration import Declared
from tandem.sdk.steps import Step
from tandem.sdk.store import FeatureStore

CHANGES_PENDING = 3
_STYLES = {"+": "green", "~": "yellow", "-": "red"}


@click.command()
@click.option(
    "-f",
    "--file",
    "declared",
    required=True,
    type=declarations_file,
    metavar="PATH",
    help="A YAML file, or a folder of them.",
)
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Show what would be done, and do nothing; exit code 3 if there is something.",
)
@with_store(may_make=True)
def apply(
    store: FeatureStore, as_json: bool, declared: Sequence[Declared], only_plan: bool
) -> None:
    """Make the store as YAML files declare it.

    Feature groups, features, tags and aliases are made and changed; nothing is deleted. Applying
    twice does the same as once.
    """
    plan = store.plan(declared)
    if only_plan:
        for step in () if as_json else plan:
            _print_step(step)
    else:
        plan.apply(None if as_json else _print_step)
    if as_json:
        print_json(
            [{"sign": step.sign, "target": step.target, "change": step.what} for step in plan]
        )
    elif not plan:
        print_line("nothing to do")
    else:
        count = f"{len(plan)} change{'s' if len(plan) > 1 else ''}"
        print_line(f"{count} to make" if only_plan else f"{count} made")
    if only_plan and plan:
        raise SystemExit(CHANGES_PENDING)


def _print_step(step: Step) -> None:
    print_line(str(step), _STYLES[step.sign])
