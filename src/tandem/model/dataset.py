"""A recorded training set: what was asked, of which state of the data, and what came of it.

* It names groups by their ids, which are never used twice: a group that is deleted, cloned or
  created again, and an alias that is switched, change nothing in it.
* `as_of_us` is a barrier: every write that was visible is stamped then or earlier, and every later
  one later. So the same rows can be found again whatever was written since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetGroup:
    """What one feature group gave.

    named               its name, or the alias, as the features named it
    name                its own name at that time
    key                 the label column that held the record identifier
    columns             output column by feature
    max_age_seconds     features older than that at the label's moment are null; None: any age
    from_nanoseconds, until_nanoseconds
                        event times that count, since 1970: from the first, before the second
    rows                rows of its history that had been committed by `as_of_us`
    """

    named: str
    name: str
    group_id: str
    key: str
    columns: Mapping[str, str]
    max_age_seconds: float | None = None
    from_nanoseconds: int | None = None
    until_nanoseconds: int | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One recorded training set.

    as_of_us        only what was committed by then counts; microseconds since 1970
    log_positions   where each log partition stood: its last position when the set was made
    event_time      the label column that told each label's moment
    columns         output column and its Arrow type, in order
    content_hash    of the rows, as `tandem.rows.content_hash` defines it
    labels_hash     of the labels, likewise
    has_labels      whether the labels are kept beside the record, so that it can be rebuilt alone
    seconds         how long it took
    made_by         the version of Tandem
    """

    dataset_id: str
    created_at_us: int
    seconds: float
    as_of_us: int
    log_positions: Mapping[int, int]
    event_time: str
    groups: tuple[DatasetGroup, ...]
    rows: int
    columns: tuple[tuple[str, str], ...]
    content_hash: str
    labels_hash: str
    has_labels: bool
    made_by: str = field(default="")


def column_order(made: list[str], wanted: tuple[tuple[str, str], ...]) -> list[int]:
    """Where each wanted column stands among those made; those of one name in their order."""
    left = list(enumerate(made))
    order = []
    for name, _ in wanted:
        place = next(index for index, (_, found) in enumerate(left) if found == name)
        order.append(left.pop(place)[0])
    return order
