"""One hundred records: a hundred calls of GetRecord, or one of BatchGetRecord?

    python examples/get_or_batch_get.py --endpoint-url http://localhost:8790
    python examples/get_or_batch_get.py --plot get_or_batch_get.svg

Plain boto3: without --endpoint-url it asks whichever store the environment names, as after
`eval "$(tandem env)"`. It makes a feature group of its own, fills it, reads every record in both
ways again and again, says how long that took, and deletes the group.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import click
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

FEATURES = 10
RECORDS_A_CALL_MAX = 100
PERCENTILES = (50, 95, 99)


class Way(NamedTuple):
    """How all records can be read: its name, and seconds of each call and of each whole reading."""

    name: str
    calls: list[float]
    readings: list[float]

    def call_ms(self, percentile: int) -> float:
        return float(np.percentile(self.calls, percentile)) * 1e3

    @property
    def total_ms(self) -> float:
        """The median of the readings."""
        return float(np.median(self.readings)) * 1e3


@click.command()
@click.option("--endpoint-url", help="The store's address; that of the environment.")
@click.option("--entities", default=100, type=click.IntRange(1, 100_000), show_default=True)
@click.option("--rounds", default=20, type=click.IntRange(1), show_default=True)
@click.option("--plot", "path", type=click.Path(path_type=Path), help="A file for the plot.")
def main(endpoint_url: str | None, entities: int, rounds: int, path: Path | None) -> None:
    """Compare GetRecord with BatchGetRecord for many entities."""
    control, runtime = (
        boto3.client(service, endpoint_url=endpoint_url)
        for service in ("sagemaker", "sagemaker-featurestore-runtime")
    )
    group = f"get-or-batch-get-{uuid.uuid4().hex[:8]}"
    identifiers = [f"customer-{number}" for number in range(entities)]
    create(control, group)
    try:
        fill(runtime, group, identifiers)
        ways = measure(runtime, group, identifiers, rounds)
    finally:
        control.delete_feature_group(FeatureGroupName=group)
    show(ways, entities)
    if path is not None:
        plot(ways, entities, path)
        print(f"The plot is in {path}")


def create(control: Any, group: str) -> None:
    types = {"customer_id": "String", "event_time": "Fractional"}
    types |= {f"feature_{number}": "Fractional" for number in range(FEATURES)}
    control.create_feature_group(
        FeatureGroupName=group,
        RecordIdentifierFeatureName="customer_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[
            {"FeatureName": name, "FeatureType": type_} for name, type_ in types.items()
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    while (
        status := control.describe_feature_group(FeatureGroupName=group)["FeatureGroupStatus"]
    ) == "Creating":
        time.sleep(1)
    assert status == "Created", status


def fill(runtime: Any, group: str, identifiers: Sequence[str]) -> None:
    for number, identifier in enumerate(identifiers):
        values = {"customer_id": identifier, "event_time": "1767225600.0"}
        values |= {f"feature_{index}": f"{number}.{index}" for index in range(FEATURES)}
        record = [{"FeatureName": name, "ValueAsString": text} for name, text in values.items()]
        runtime.put_record(FeatureGroupName=group, Record=record)


def measure(runtime: Any, group: str, identifiers: Sequence[str], rounds: int) -> list[Way]:
    def get(asked: Sequence[str]) -> int:
        found = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=asked[0])
        return "Record" in found

    def batch_get(asked: Sequence[str]) -> int:
        one = {"FeatureGroupName": group, "RecordIdentifiersValueAsString": list(asked)}
        return len(runtime.batch_get_record(Identifiers=[one])["Records"])

    ways = [Way("GetRecord", [], []), Way("BatchGetRecord", [], [])]
    # The first round is for connections and caches; then they take turns.
    for turn in range(rounds + 1):
        for way, call, size in zip(ways, (get, batch_get), (1, RECORDS_A_CALL_MAX), strict=True):
            calls = [
                _seconds(call, identifiers[first : first + size])
                for first in range(0, len(identifiers), size)
            ]
            if turn:
                way.calls.extend(calls)
                way.readings.append(sum(calls))
    return ways


def _seconds(call: Callable[[Sequence[str]], int], asked: Sequence[str]) -> float:
    begun = time.perf_counter()
    count = call(asked)
    seconds = time.perf_counter() - begun
    assert count == len(asked), f"{count} of {len(asked)} records were found"
    return seconds


def show(ways: Sequence[Way], entities: int) -> None:
    table = Table(title=f"{entities} records, in milliseconds")
    table.add_column("calls")
    for heading in ("total", *(f"p{one} of a call" for one in PERCENTILES)):
        table.add_column(heading, justify="right")
    for way in ways:
        count = len(way.calls) // len(way.readings)
        figures = [way.total_ms, *(way.call_ms(one) for one in PERCENTILES)]
        table.add_row(f"{count} x {way.name}", *(f"{figure:.2f}" for figure in figures))
    Console().print(table)
    one_by_one, batched = ways
    print(f"BatchGetRecord reads them {one_by_one.total_ms / batched.total_ms:.1f} times as fast.")


def plot(ways: Sequence[Way], entities: int, path: Path) -> None:
    """The share of calls that took no longer than a time, and the time for all records."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    calls, totals = figure.subplots(1, 2, width_ratios=(2, 1))
    for way in ways:
        milliseconds = np.sort(way.calls) * 1e3
        share = np.arange(1, len(milliseconds) + 1) / len(milliseconds)
        calls.step(milliseconds, share, where="post", label=way.name)
    calls.set(xscale="log", xlabel="milliseconds of a call", ylabel="share of the calls")
    calls.legend()
    bars = totals.bar([way.name for way in ways], [way.total_ms for way in ways])
    totals.bar_label(bars, [f"{way.total_ms:.1f} ms" for way in ways])
    totals.set(title=f"all {entities} records", ylabel="milliseconds")
    figure.savefig(path)


if __name__ == "__main__":
    main()
