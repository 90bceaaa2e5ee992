"""Training sets as a notebook has them: the rows that were made, and what is recorded of a set."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tandem.model.dataset import Dataset, DatasetGroup
from tandem.model.event_time import EventTime
from tandem.sdk.dataset_control import DatasetControl
from tandem.sdk.frames import Result
from tandem.sdk.label_arguments import labels_of
from tandem.sdk.shown_items import Listing
from tandem.sdk.tables import Table, html, moment, plain
from tandem.service import datasets


class TrainingSet(Result):
    """The rows of a training set.

    id      names the set in `store.dataset(id)`; None where it was not recorded
    """

    def __init__(self, made: datasets.TrainingSet, control: DatasetControl) -> None:
        super().__init__(made.rows, control.write_object)
        self._made = made
        self._control = control

    @property
    def id(self) -> str | None:
        return None if self._made.dataset is None else self._made.dataset.dataset_id

    @property
    def dataset(self) -> "RecordedDataset | None":
        found = self._made.dataset
        return None if found is None else RecordedDataset(found, self._control)


class RecordedDataset:
    """What is recorded of a training set; printed, it says which data it was made of."""

    def __init__(self, record: Dataset, control: DatasetControl) -> None:
        self.record = record
        self._control = control

    @property
    def id(self) -> str:
        return self.record.dataset_id

    @property
    def as_of(self) -> datetime:
        """Everything that had been written by then could be seen, and nothing else."""
        return datetime.fromtimestamp(self.record.as_of_us / 1_000_000, UTC)

    @property
    def content_hash(self) -> str:
        return self.record.content_hash

    def rebuild(self, labels: Any = None) -> TrainingSet:
        """The same rows, bit for bit, whatever was written since.

        labels  those that the set was made of, where it was recorded without them

        Raises ValidationError where these are others, and HistoryChanged, which says what changed,
        where the same rows cannot be made any more.
        """
        given = None if labels is None else labels_of(labels)
        return TrainingSet(self._control.rebuild(self.id, given), self._control)

    @property
    def tables(self) -> list[Table]:
        """What there is to know, for people."""
        record = self.record
        positions = ", ".join(
            str(position) if len(record.log_positions) == 1 else f"{partition}: {position}"
            for partition, position in record.log_positions.items()
        )
        facts = [
            ("training set", record.dataset_id),
            (
                "made",
                f"{moment(record.created_at_us)} in {record.seconds} s, Tandem {record.made_by}",
            ),
            ("data written by", _microseconds(record.as_of_us)),
            ("log position", positions),
            ("rows", record.rows),
            ("columns", ", ".join(f"{name} ({kind})" for name, kind in record.columns)),
            ("moment of a row", f"label column {record.event_time!r}"),
            ("content hash", record.content_hash),
            ("labels", f"{'kept' if record.has_labels else 'not kept'}, {record.labels_hash}"),
        ]
        return [_facts(facts), *(_facts(_group_facts(group)) for group in record.groups)]

    def __repr__(self) -> str:
        return "\n\n".join(plain(table) for table in self.tables)

    def _repr_html_(self) -> str:
        return "".join(html(table) for table in self.tables)


class DatasetList(Listing[RecordedDataset]):
    """Recorded training sets."""

    columns = ("id", "made", "data_written_by", "rows", "feature_groups", "content_hash")

    def __init__(self, found: Sequence[RecordedDataset]) -> None:
        super().__init__(
            found,
            [
                {
                    "id": one.id,
                    "made": moment(one.record.created_at_us),
                    "data_written_by": _microseconds(one.record.as_of_us),
                    "rows": one.record.rows,
                    "feature_groups": ", ".join(group.named for group in one.record.groups),
                    "content_hash": one.content_hash,
                }
                for one in found
            ],
        )


def _facts(facts: Sequence[tuple[str, Any]]) -> Table:
    return Table(["", ""], facts, cell_length_max=None)


def _group_facts(group: DatasetGroup) -> list[tuple[str, Any]]:
    name = group.named if group.named == group.name else f"{group.name}, as {group.named}"
    features = ", ".join(
        feature if feature == column else f"{feature} as {column}"
        for feature, column in group.columns.items()
    )
    facts: list[tuple[str, Any]] = [
        ("feature group", f"{name} ({group.group_id})"),
        ("rows by then", group.rows),
        ("key", f"label column {group.key!r}"),
        ("features", features),
    ]
    if group.max_age_seconds is not None:
        facts.append(("not older than", f"{group.max_age_seconds} s"))
    if group.from_nanoseconds is not None:
        facts.append(("event time from", _nanoseconds(group.from_nanoseconds)))
    if group.until_nanoseconds is not None:
        facts.append(("event time before", _nanoseconds(group.until_nanoseconds)))
    return facts


def _microseconds(since: int) -> str:
    return EventTime(since // 1_000_000, since % 1_000_000 * 1_000).isoformat()


def _nanoseconds(since: int) -> str:
    return EventTime(*divmod(since, 1_000_000_000)).isoformat()
