"""Batch loads of a store behind HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa

from tandem.model.batch_load import BatchLoad, LoadProgress, LoadStatus
from tandem.sdk.batch_load_control import BatchLoadControl
from tandem.sdk.http import Http
from tandem.service.batch_loads.request import NewBatchLoad

_PATH = "/tandem/batch-loads"


class RemoteBatchLoads(BatchLoadControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def start(self, new: NewBatchLoad) -> BatchLoad:
        members = {
            "FeatureGroupName": new.group_name,
            "Location": new.location,
            "Format": new.form,
            "Delimiter": new.delimiter,
            "TargetStores": list(new.target_stores) or None,
            "OnError": str(new.on_error),
            "IngestionId": new.ingestion_id,
            "FailedRowsLocation": new.failed_rows,
        }
        given = {name: value for name, value in members.items() if value is not None}
        return _load(self._http.json("POST", _PATH, given)["BatchLoad"])

    def find(self, batch_load_id: str) -> BatchLoad:
        return _load(self._http.json("GET", _of(batch_load_id))["BatchLoad"])

    def all(self, group_name: str | None, status: LoadStatus | None) -> Sequence[BatchLoad]:
        wanted = {"FeatureGroupName": group_name, "Status": status and status.value}
        query = {name: value for name, value in wanted.items() if value is not None}
        found: list[BatchLoad] = []
        while True:
            page = self._http.json("GET", f"{_PATH}?{urlencode(query)}")
            found += [_load(one) for one in page["BatchLoads"]]
            if not page.get("NextToken"):
                return found
            query["NextToken"] = page["NextToken"]

    def cancel(self, batch_load_id: str) -> BatchLoad:
        return _load(self._http.json("POST", f"{_of(batch_load_id)}/cancel")["BatchLoad"])

    def failed_rows(self, batch_load_id: str) -> pa.Table | None:
        rows = self._http.ask_table(f"{_of(batch_load_id)}/failed-rows", None)
        return rows if rows.num_rows else None


def _of(batch_load_id: str) -> str:
    return f"{_PATH}/{quote(batch_load_id, safe='')}"


def _load(answer: Mapping[str, Any]) -> BatchLoad:
    progress = answer["Progress"]
    return BatchLoad(
        batch_load_id=answer["BatchLoadId"],
        group_name=answer["FeatureGroupName"],
        group_id="",
        location=answer["Location"],
        ingestion_id=answer["IngestionId"],
        failed_rows=answer["FailedRowsLocation"],
        progress=LoadProgress(
            files_total=progress["FilesTotal"],
            bytes_total=progress["BytesTotal"],
            rows_total=progress.get("RowsTotal"),
            files_done=progress["FilesDone"],
            bytes_done=progress["BytesDone"],
            rows_done=progress["RowsDone"],
            rows_written=progress["RowsWritten"],
            rows_failed=progress["RowsFailed"],
        ),
        created_at_us=round(answer["CreationTime"] * 1e6),
        form=answer.get("Format"),
        delimiter=answer.get("Delimiter"),
        target_stores=tuple(answer["TargetStores"]),
        on_error=answer["OnError"],
        status=LoadStatus(answer["Status"]),
        failure_reason=answer.get("FailureReason"),
        started_at_us=_microseconds(answer.get("StartTime")),
        progressed_at_us=_microseconds(answer.get("LastProgressTime")),
        ended_at_us=_microseconds(answer.get("EndTime")),
    )


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)
