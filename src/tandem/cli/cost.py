"""`tandem cost`: what a workload costs on AWS, and on machines of one's own."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from tandem.cli.group_names import complete_group_name
from tandem.cli.interrupts import interrupts_obeyed
from tandem.cli.output import logging_in_lines, print_json, print_line, print_table
from tandem.cli.store_option import (
    check_encoding,
    failing_in_a_line,
    location_option,
    open_store,
)
from tandem.model.prices import AWS_US_EAST_1
from tandem.sdk.cost import cost as cost_of
from tandem.sdk.cost import prices_of

_FIGURES = (
    *("reads", "writes", "record_kb", "peak_reads", "peak_writes"),
    *("records", "online_gb", "offline_gb"),
)


class _Figure(click.FloatRange):
    """A number from 0 on, which NaN is not."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


_FIGURE = _Figure(0, 1e15)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_group_name)
@click.option("--reads", type=_FIGURE, help="Records read a second, on average.")
@click.option("--writes", type=_FIGURE, help="Records written a second, on average.")
@click.option("--record-kb", type=_FIGURE, help="Size of a record, in KB of 1,024 bytes.")
@click.option("--peak-reads", type=_FIGURE, help="In the busiest second; else the average.")
@click.option("--peak-writes", type=_FIGURE, help="In the busiest second; else the average.")
@click.option("--records", type=click.IntRange(0), help="Records that are stored online.")
@click.option("--online-gb", type=_FIGURE, help="What they take in GB, if not by their size.")
@click.option("--offline-gb", type=_FIGURE, help="History, in GB.")
@click.option(
    "--last-hours",
    type=_Figure(1, 93 * 24),
    default=24,
    show_default=True,
    help="Of use that count for a store.",
)
@click.option("--hours", type=_FIGURE, default=730, show_default=True, help="Hours to pay for.")
@click.option(
    "--utilization",
    type=_FIGURE,
    default=0.7,
    show_default=True,
    help="The share of provisioned units that is in use at the peak.",
)
@click.option(
    "--machines",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Machines of one's own.",
)
@click.option("--machine-price", type=_FIGURE, help="Of one of them, for an hour.")
@click.option(
    "--prices", type=click.Path(path_type=Path), help="YAML with prices; else AWS's in us-east-1."
)
@location_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cost(
    names: tuple[str, ...],
    location: str,
    as_json: bool,
    last_hours: float,
    machine_price: float | None,
    prices: Path | None,
    **given: Any,
) -> None:
    """Compare what a workload costs.

    With --record-kb it is the given one, else what a store was used for lately, all of it or the
    feature groups NAME. On AWS, on demand and provisioned, and on machines of one's own.
    """
    figures = {name: given.pop(name) for name in _FIGURES}
    figures = {name: value for name, value in figures.items() if value is not None}
    if "record_kb" not in figures and figures:
        raise click.UsageError("--record-kb is missing: units depend on the size of a record")
    if figures and names:
        raise click.UsageError("give the figures of a workload, or feature groups, not both")
    check_encoding({"names": names})
    with failing_in_a_line():
        chosen = prices_of(prices or AWS_US_EAST_1)
        if machine_price is not None:
            chosen = replace(chosen, machine_hour=machine_price)
        if figures:
            record_bytes = round(figures.pop("record_kb") * 1_024)
            found = cost_of(**figures, record_bytes=record_bytes, prices=chosen, **given)
        else:
            last = timedelta(hours=last_hours)
            with logging_in_lines(), interrupts_obeyed(), open_store(location) as store:
                found = store.cost(names or None, last=last, prices=chosen, **given)
    if as_json:
        print_json(found.to_dict())
        return
    print_table(found.table)
    for line in found.lines:
        print_line(line)
