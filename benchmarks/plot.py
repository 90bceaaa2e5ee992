"""The ratios that have a target, as bars of how often it was reached."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.ratios import Ratio

REACHED, MISSED = "#2a7f62", "#c8553d"


def plot(ratios: Sequence[Ratio], path: Path) -> None:
    """Writes an SVG; nothing, where no ratio has a target."""
    shown = [(one, one.times_target) for one in reversed(ratios) if one.times_target is not None]
    if not shown:
        return
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tandem", "font.size": 9})
    figure = Figure(figsize=(9, 0.8 + 0.45 * len(shown)), layout="constrained")
    axes = figure.subplots()
    times = [value for _, value in shown]
    bars = axes.barh(
        [f"{one.what}\n{one.value:.2f}, wanted {one.target}" for one, _ in shown],
        times,
        color=[REACHED if value >= 1 else MISSED for value in times],
    )
    axes.bar_label(bars, [f"{value:.2g}" for value in times], padding=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="times the target; right of the line it is reached")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(min(0.5, *times) / 1.5, max(2, *times) * 2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
