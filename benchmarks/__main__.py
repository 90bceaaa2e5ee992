"""`python -m benchmarks [NAME...]`: serving, embedded, as-of. Leave the machine alone meanwhile."""

import sys

from benchmarks import as_of_join, embedded, serving

BENCHMARKS = {"serving": serving.run, "embedded": embedded.run, "as-of": as_of_join.run}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"unknown benchmark {unknown[0]!r}: use {', '.join(BENCHMARKS)}")
    for name in names:
        BENCHMARKS[name]()


main()
