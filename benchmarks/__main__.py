"""`python -m benchmarks [serving] [beside-queries] [embedded] [as-of] [control-plane] [--rows N]`;
all where none is named.

Leave the machine alone meanwhile.
"""

import click

from benchmarks import as_of_join, beside_queries, control_plane, embedded, serving

NAMES = ("serving", "beside-queries", "embedded", "as-of", "control-plane")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--rows", default=10_000_000, show_default=True, help="Rows of the as-of join.")
def main(names: tuple[str, ...], rows: int) -> None:
    """Print Tandem's speed beside limits and peers, measured in one run."""
    for name in names or NAMES:
        if name == "serving":
            serving.run()
        elif name == "beside-queries":
            beside_queries.run()
        elif name == "embedded":
            embedded.run()
        elif name == "control-plane":
            control_plane.run()
        else:
            as_of_join.run(rows)


main()
