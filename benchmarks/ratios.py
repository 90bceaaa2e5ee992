"""What is compared: two figures of one run, and what their ratio ought to be."""

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.load import Load


class Ratio(NamedTuple):
    """what     is measured, with its figure and the one beside it, each in words
    value    the one by the other
    at_least, at_most    the target
    """

    what: str
    figure: str
    beside: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    @property
    def times_target(self) -> float | None:
        """How often the target is reached: 1 is on the line, more is better."""
        if self.at_least is not None:
            return self.value / self.at_least
        return None if self.at_most is None else self.at_most / self.value


def print_ratios(title: str, ratios: Iterable[Ratio]) -> None:
    table = Table(title=title)
    for heading in ("what", "figure", "beside it, in the same run"):
        table.add_column(heading)
    for heading in ("ratio", "target"):
        table.add_column(heading, justify="right")
    for one in ratios:
        digits = f"{one.value:,.0f}" if one.value >= 100 else f"{one.value:.2f}"
        table.add_row(one.what, one.figure, one.beside, digits, one.target)
    Console(width=160).print(table)


def shown(load: Load) -> str:
    return f"{load.per_second:,.0f}/s, p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms"
