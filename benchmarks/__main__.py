"""`python -m benchmarks [NAME]...`: all that are not long, where none is named.

Leave the machine alone meanwhile.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks import (
    as_of_join,
    beside_loads,
    beside_queries,
    control_plane,
    embedded,
    feast_join,
    feast_serving,
    growth,
    harness,
    ingest,
    redis_store,
    sagemaker_ingest,
    serving,
    stream,
    training_sets,
    vectors,
    writes,
)
from benchmarks.engines import comparison
from benchmarks.plot import plot
from benchmarks.ratios import Ratio, print_ratios


class Given(NamedTuple):
    """What was given on the command line, with which a benchmark overrides its own."""

    rows: int | None
    seconds: float


COMPARED: dict[str, Callable[[float], list[Ratio]]] = {
    "serving": serving.run,
    "writes": writes.run,
    "vectors": vectors.run,
    "embedded": embedded.run,
    "redis-store": redis_store.run,
    "feast-serving": feast_serving.run,
}
"""Those of serving, which give ratios with targets; they take the seconds of a measurement."""
OTHERS: dict[str, Callable[[Given], None]] = {
    "harness": lambda given: harness.run(given.seconds),
    "growth": lambda given: growth.run(given.rows or 1_000_000, given.seconds),
    "beside-queries": lambda _: beside_queries.run(),
    "beside-loads": lambda given: beside_loads.run(given.rows or 1_000_000),
    "as-of": lambda given: as_of_join.run(given.rows or 10_000_000),
    "control-plane": lambda _: control_plane.run(),
    "ingest": lambda given: ingest.run(given.rows or 1_000_000),
    "stream": lambda given: stream.run(given.rows or 300_000),
    "training-sets": lambda given: training_sets.run(given.rows or 50_000_000),
    "feast": lambda given: feast_join.run(given.rows or 10_000_000),
    "sagemaker-ingest": lambda _: sagemaker_ingest.run(),
    "engines": lambda given: comparison.run(given.rows or 200_000, given.seconds),
}
LONG = ("training-sets", "feast", "feast-serving", "sagemaker-ingest", "engines")
"""Named ones only: minutes of work, much disk, and packages of others."""
NAMES = [*COMPARED, *OTHERS]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--rows", type=int, help="Rows, instead of those that a benchmark takes by itself.")
@click.option("--seconds", default=5.0, help="How long each measurement of serving takes.")
@click.option("--plot", "path", type=Path, help="An SVG file for the ratios of serving.")
def main(names: tuple[str, ...], rows: int | None, seconds: float, path: Path | None) -> None:
    """Print Tandem's speed beside limits and peers, measured in one run."""
    print(f"Python {sys.version}, {len(os.sched_getaffinity(0))} processors")
    ratios: list[Ratio] = []
    for name in names or [name for name in NAMES if name not in LONG]:
        if name in COMPARED:
            found = COMPARED[name](seconds)
            if found:
                print_ratios(name, found)
            ratios += found
        else:
            OTHERS[name](Given(rows, seconds))
    if path is not None:
        plot(ratios, path)


main()
