"""`python -m benchmarks [serving] [embedded] [as-of] [control-plane] [ingest] [--rows N]
[--ingest-rows N]`; all where none is named.

Leave the machine alone meanwhile.
"""

import click

from benchmarks import as_of_join, control_plane, embedded, ingest, serving

NAMES = ("serving", "embedded", "as-of", "control-plane", "ingest")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--rows", default=10_000_000, show_default=True, help="Rows of the as-of join.")
@click.option("--ingest-rows", default=1_000_000, show_default=True, help="Rows of a load.")
def main(names: tuple[str, ...], rows: int, ingest_rows: int) -> None:
    """Print Tandem's speed beside limits and peers, measured in one run."""
    for name in names or NAMES:
        if name == "serving":
            serving.run()
        elif name == "embedded":
            embedded.run()
        elif name == "control-plane":
            control_plane.run()
        elif name == "ingest":
            ingest.run(ingest_rows)
        else:
            as_of_join.run(rows)


main()
