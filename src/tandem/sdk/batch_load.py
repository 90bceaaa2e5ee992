"""Batch loads as a program has them: looked at, waited for, cancelled."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from tandem.model import batch_load as model
from tandem.model.batch_load import LoadProgress, LoadStatus
from tandem.sdk.batch_load_control import BatchLoadControl
from tandem.sdk.frames import Result
from tandem.sdk.shown_items import Listing
from tandem.sdk.tables import Table, html, moment, plain

_POLL_SECONDS_MIN, _POLL_SECONDS_MAX = 0.02, 0.5


class BatchLoad:
    """A batch load.

    record   what was known of it at the last look
    """

    def __init__(self, control: BatchLoadControl, record: model.BatchLoad) -> None:
        self._control = control
        self.record = record

    @property
    def id(self) -> str:
        return self.record.batch_load_id

    @property
    def ingestion_id(self) -> str:
        return self.record.ingestion_id

    @property
    def status(self) -> LoadStatus:
        """As of now; a text, such as "InProgress"."""
        return self.refresh().status

    @property
    def progress(self) -> LoadProgress:
        """As of now: files, bytes and rows that are done, and rows written and failed."""
        return self.refresh().progress

    @property
    def failure_reason(self) -> str | None:
        """Why it is Failed or Stopped, as of the last look."""
        return self.record.failure_reason

    @property
    def failed(self) -> Result | None:
        """The rows that it has left out so far, as they were given, with their number in their file
        from 0 (`_row`), what is wrong with them (`_reason`), and the file (`_file`); None where
        there are none.
        """
        rows = self._control.failed_rows(self.id)
        return None if rows is None else Result(rows)

    def refresh(self) -> model.BatchLoad:
        """Looks at it again. Raises ResourceNotFound where it was so long ago that it is gone."""
        if not self.record.status.is_over:
            self.record = self._control.find(self.id)
        return self.record

    def wait(
        self,
        *,
        timeout_seconds: float | None = None,
        progress: Callable[[LoadProgress], None] | None = None,
    ) -> "BatchLoad":
        """Waits for its end, and returns it, whatever the end is; or after the timeout.

        progress   is told again and again how far it is
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        pause_seconds = _POLL_SECONDS_MIN
        while not self.refresh().status.is_over:
            if progress is not None:
                progress(self.record.progress)
            if deadline is not None and time.monotonic() >= deadline:
                return self
            time.sleep(pause_seconds)
            pause_seconds = min(_POLL_SECONDS_MAX, pause_seconds * 1.5)
        if progress is not None:
            progress(self.record.progress)
        return self

    def cancel(self) -> None:
        """Stops it between two commits; what is in stays. Raises ValidationError where it is over.

        Its status is Stopping until it has stopped.
        """
        self.record = self._control.cancel(self.id)

    @property
    def table(self) -> Table:
        """What there is to know, for people."""
        return Table(["", ""], _facts(self.record), cell_length_max=None)

    def __repr__(self) -> str:
        return plain(self.table)

    def _repr_html_(self) -> str:
        return html(self.table)


class BatchLoadList(Listing[BatchLoad]):
    """Batch loads."""

    columns = (
        *("id", "feature_group", "status", "rows_done", "rows_failed", "files", "created"),
        *("ended", "location"),
    )

    def __init__(self, found: Sequence[BatchLoad]) -> None:
        super().__init__(found, [_row(one.record) for one in found])


def _row(load: model.BatchLoad) -> dict[str, Any]:
    done = load.progress
    return {
        "id": load.batch_load_id,
        "feature_group": load.group_name,
        "status": load.status.value,
        "rows_done": done.rows_done,
        "rows_failed": done.rows_failed,
        "files": f"{done.files_done} of {done.files_total}",
        "created": moment(load.created_at_us),
        "ended": None if load.ended_at_us is None else moment(load.ended_at_us),
        "location": load.location,
    }


def batch_load_values(load: model.BatchLoad) -> dict[str, Any]:
    """All there is to know, for programs; times are ISO 8601."""
    times = ("created_at_us", "started_at_us", "progressed_at_us", "ended_at_us")
    values = asdict(load)
    del values["group_id"], values["progress"]["rows_in_files_done"]
    values["format"] = values.pop("form")
    for name in times:
        at_us = values.pop(name)
        values[name.removesuffix("_us")] = None if at_us is None else moment(at_us)
    return values


def _facts(load: model.BatchLoad) -> list[tuple[str, Any]]:
    done = load.progress
    rows = (
        f"{done.rows_done}" if done.rows_total is None else f"{done.rows_done} of {done.rows_total}"
    )
    facts = [
        ("batch load", load.batch_load_id),
        ("feature group", load.group_name),
        ("location", load.location),
        ("status", load.status.value),
        ("reason", load.failure_reason),
        ("rows done", rows),
        ("rows written", done.rows_written),
        ("rows failed", done.rows_failed),
        ("failed rows", load.failed_rows if done.rows_failed else None),
        ("files done", f"{done.files_done} of {done.files_total}"),
        ("bytes done", f"{done.bytes_done} of {done.bytes_total}"),
        ("stores", ", ".join(load.target_stores)),
        ("rows that do not fit", "end it" if load.on_error == "raise" else "are left out"),
        ("ingestion id", load.ingestion_id),
        *(
            (name, None if at_us is None else moment(at_us))
            for name, at_us in (
                ("created", load.created_at_us),
                ("started", load.started_at_us),
                ("last progress", load.progressed_at_us),
                ("ended", load.ended_at_us),
            )
        ),
    ]
    return [(name, value) for name, value in facts if value is not None]
