"""`python -m benchmarks [NAME]... [--rows N]`: all that are not long, where none is named.

Leave the machine alone meanwhile.
"""

import click

from benchmarks import (
    as_of_join,
    beside_loads,
    beside_queries,
    control_plane,
    embedded,
    feast_join,
    ingest,
    sagemaker_ingest,
    serving,
    stream,
    training_sets,
    vectors,
    workers,
)

NAMES = (
    "serving",
    "vectors",
    "beside-queries",
    "beside-loads",
    "embedded",
    "as-of",
    "control-plane",
    "ingest",
    "stream",
    "workers",
)
LONG = ("training-sets", "feast", "sagemaker-ingest")
"""Named ones only: minutes of work, much disk, and packages of others."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*NAMES, *LONG]))
@click.option(
    "--rows", type=int, help="Rows of history; 10 million, for training sets 50, for loads 1."
)
def main(names: tuple[str, ...], rows: int | None) -> None:
    """Print Tandem's speed beside limits and peers, measured in one run."""
    for name in names or NAMES:
        if name == "serving":
            serving.run()
        elif name == "vectors":
            vectors.run()
        elif name == "beside-queries":
            beside_queries.run()
        elif name == "beside-loads":
            beside_loads.run(rows or 1_000_000)
        elif name == "embedded":
            embedded.run()
        elif name == "control-plane":
            control_plane.run()
        elif name == "ingest":
            ingest.run(rows or 1_000_000)
        elif name == "stream":
            stream.run(rows or 300_000)
        elif name == "workers":
            workers.run()
        elif name == "sagemaker-ingest":
            sagemaker_ingest.run()
        elif name == "training-sets":
            training_sets.run(rows or 50_000_000)
        elif name == "feast":
            feast_join.run(rows or 10_000_000)
        else:
            as_of_join.run(rows or 10_000_000)


main()
