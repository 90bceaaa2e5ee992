"""Loads that are compared take turns, and the medians of the turns are shown: a machine that stops
for some milliseconds now and then decides a single p99, and it drifts between two runs.
"""

import statistics
from collections.abc import Callable, Mapping

from benchmarks.load import Load

TURNS = 7
Measure = Callable[[], Load]


def in_turns(measures: Mapping[str, Measure]) -> dict[str, Load]:
    """The medians of some turns of each."""
    found: dict[str, list[Load]] = {name: [] for name in measures}
    for _ in range(TURNS):
        for name, measure in measures.items():
            found[name].append(measure())
    return {
        name: Load(
            per_second=statistics.median(one.per_second for one in loads),
            p50_ms=statistics.median(one.p50_ms for one in loads),
            p99_ms=statistics.median(one.p99_ms for one in loads),
            count=sum(one.count for one in loads),
        )
        for name, loads in found.items()
    }
