"""Streams of a store behind HTTP. A batch is sent once: whoever sends it knows what a lost answer
means.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

import pyarrow as pa

from tandem.sdk.http import Http, arrow_bytes, json_bytes
from tandem.sdk.stream_control import StreamControl
from tandem.service.streams import BadRecord, StreamBatch


class RemoteStreams(StreamControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def positions(
        self, stream: str, topic: str, partitions: Sequence[str]
    ) -> Mapping[str, str | None]:
        query = [("Topic", topic), *(("Partition", partition) for partition in partitions)]
        answer = self._http.json("GET", f"{_path(stream)}?{urlencode(query)}")
        positions: dict[str, str | None] = answer["Positions"]
        return positions

    def commit(self, batch: StreamBatch) -> list[BadRecord]:
        members = {
            "Topic": batch.topic,
            "Moves": [
                {"Partition": move.partition, "Before": move.before, "After": move.after}
                for move in batch.moves
            ],
            "Runs": [
                {
                    "FeatureGroupName": run.group,
                    "TargetStores": None if run.targets is None else run.targets.names(),
                    "Deletes": run.deletes,
                }
                for run in batch.runs
            ],
        }
        # Groups have columns of their own: each run is a stream inside a cell of the one sent.
        runs = pa.table({"run": pa.array([arrow_bytes(run.rows) for run in batch.runs], _CELL)})
        envelope = runs.replace_schema_metadata({"tandem.request": json_bytes(members)})
        answer = self._http.send_table(_path(batch.stream), envelope)
        return [BadRecord(one["Run"], one["Row"], one["Reason"]) for one in answer["BadRecords"]]


_CELL = pa.large_binary()


def _path(stream: str) -> str:
    return f"/tandem/streams/{quote(stream, safe='')}"
