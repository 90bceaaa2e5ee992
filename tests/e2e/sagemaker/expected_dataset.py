"""What a builder of data sets must give, computed with pandas from what was written.

A history is a frame of the calls in their order: `id`, `time` (seconds since 1970), `is_deleted`,
`order` (of the calls), `is_late` (made after the moment that `as_of` names), and features.
"""

import operator
from dataclasses import dataclass, field

import pandas as pd

COMPARISONS = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass
class Join:
    """A history that is joined: its column `theirs` compared with the base's column `ours`."""

    history: pd.DataFrame
    ours: str = "id"
    theirs: str = "id"
    comparator: str = "="
    kind: str = "JOIN"


@dataclass
class Choices:
    """What is asked of the builder; `start` and `end` are seconds since 1970, included."""

    joins: list = field(default_factory=list)
    is_base_a_group: bool = True
    is_point_in_time: bool = False
    with_duplicates: bool = False
    with_deleted: bool = False
    is_as_of: bool = False
    start: float | None = None
    end: float | None = None
    recent: int | None = None


def expected(base: pd.DataFrame, chosen: Choices) -> pd.DataFrame:
    """The data set, whole; the columns of the n-th join end in `.n`."""
    rows = _counting(base, chosen, is_group=chosen.is_base_a_group)
    for number, join in enumerate(chosen.joins, start=1):
        other = _counting(join.history, chosen, is_group=True)
        rows = _joined(rows, other.add_suffix(f".{number}"), join, number, chosen)
    if chosen.recent is not None:
        times = ["time", *(f"time.{number}" for number in range(1, len(chosen.joins) + 1))]
        rows = rows.sort_values(times, ascending=False)
        rows = rows.groupby("id", dropna=False).head(chosen.recent)
    return rows


def _counting(rows: pd.DataFrame, chosen: Choices, *, is_group: bool) -> pd.DataFrame:
    """The rows of one history that count."""
    in_range = pd.Series(True, index=rows.index)
    if chosen.start is not None:
        in_range &= rows["time"] >= chosen.start
    if chosen.end is not None:
        in_range &= rows["time"] <= chosen.end
    if not is_group:
        return rows[in_range]
    known = ~rows["is_late"] | (not chosen.is_as_of)
    # Where the base is a frame, the moment holds only where duplicates or deletes are looked at.
    known_at_last = known | (not chosen.is_base_a_group)
    if chosen.with_deleted:
        live = rows[~rows["is_deleted"]]
        kept = live if chosen.with_duplicates else _newest(live, ["id", "time"], ["order"])
        return kept[(in_range & known_at_last).loc[kept.index]]
    has_both_ends = chosen.start is not None and chosen.end is not None
    markers = rows[rows["is_deleted"] & known & (in_range | (not has_both_ends))]
    markers = _newest(markers, ["id"], ["time", "order"])
    kept = rows
    if not chosen.with_duplicates:
        kept = _newest(rows[known & in_range], ["id", "time"], ["order"])
    marker = kept[["id"]].join(markers.set_index("id")[["time", "order"]], on="id")
    outlives = marker["time"].isna() | (kept["time"] > marker["time"])
    outlives |= (kept["time"] == marker["time"]) & (kept["order"] > marker["order"])
    kept = kept[outlives]
    return kept[(in_range & known_at_last).loc[kept.index]]


def _newest(rows: pd.DataFrame, keys: list, order: list) -> pd.DataFrame:
    return rows.sort_values(order).drop_duplicates(keys, keep="last")


def _joined(
    left: pd.DataFrame, right: pd.DataFrame, join: Join, number: int, chosen: Choices
) -> pd.DataFrame:
    left = left.reset_index(drop=True).rename_axis("left").reset_index()
    right = right.reset_index(drop=True).rename_axis("right").reset_index()
    pairs = left.merge(right, how="cross")
    ours, theirs = pairs[join.ours], pairs[f"{join.theirs}.{number}"]
    # What is missing fits nothing. As objects, for a column that is missing whole is of numbers.
    fits = ours.notna() & theirs.notna()
    compared = COMPARISONS[join.comparator]
    fits[fits] = compared(ours[fits].astype(object), theirs[fits].astype(object))
    if chosen.is_point_in_time:
        fits &= pairs["time"] >= pairs[f"time.{number}"]
    pairs = pairs[fits]
    parts = [pairs]
    if join.kind in ("LEFT JOIN", "FULL JOIN"):
        parts.append(left[~left["left"].isin(pairs["left"])])
    if join.kind in ("RIGHT JOIN", "FULL JOIN"):
        parts.append(right[~right["right"].isin(pairs["right"])])
    joined = pd.concat([part for part in parts if len(part)] or [pairs])
    return joined.reindex(columns=[name for name in pairs if name not in ("left", "right")])


def same_rows(found: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    """Whether both hold the same rows, each as often; `found` says which columns count."""
    return _counted(found) == _counted(wanted[list(found.columns)])


def _counted(frame: pd.DataFrame) -> list:
    """The rows as texts, sorted: a whole number may have come back as a real one."""
    return sorted(
        tuple("" if pd.isna(value) else _text(value) for value in row)
        for row in frame.itertuples(index=False, name=None)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(float(value))
