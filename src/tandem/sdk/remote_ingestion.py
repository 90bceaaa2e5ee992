"""Ingestion into a store behind HTTP: a request for each chunk of the input.

A request says where its rows stand in the input, and under which ingestion id. The server's mark
moves with the rows, so a request whose answer was lost is simply sent again.
"""

import random
import secrets
import time
from collections.abc import Iterable
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa

from tandem.errors import ConflictError, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.rows.record_table import BadRow, check_rows, failed_rows, joined
from tandem.sdk.http import Http
from tandem.service.ingestion import Ingested, IngestOptions, OnError, Progress
from tandem.service.ingestion_chunks import Chunks

_PIECE_BYTES = 8 << 20
"""While a server takes a body in, others wait: shorter, where it is smaller."""
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Between one attempt to send a chunk and the next: a server is restarted in less."""


class RemoteIngestion:
    """One call."""

    def __init__(self, http: Http, group_name: str, options: IngestOptions) -> None:
        self._http = http
        self._path = f"/tandem/ingest/{quote(group_name, safe='')}"
        self._options = options
        self._ingestion_id = options.ingestion_id or secrets.token_hex(8)
        self._query: list[tuple[str, Any]] = [
            ("IngestionId", self._ingestion_id),
            ("OnError", options.on_error.value),
        ]
        if options.targets is not None:
            self._query += [("TargetStores", name) for name in options.targets.names()]
        self._failed: list[pa.Table] = []
        self._rows = 0

    def run(
        self, group: FeatureGroup, rows: pa.Table | Iterable[pa.Table], progress: Progress
    ) -> Ingested:
        """As `tandem.service.ingestion.Ingestion.ingest`."""
        chunks = Chunks([rows] if isinstance(rows, pa.Table) else rows, _PIECE_BYTES)
        start, in_hand = self._where_it_stands()
        chunks.skip(start)
        # A chunk that was in hand goes out as it was.
        first = chunks.take(in_hand) if in_hand else None
        given: Iterable[pa.Table] = chain([] if first is None else [first], chunks)
        if isinstance(rows, pa.Table) and self._options.on_error is OnError.RAISE:
            given = self._checked_whole(group, given, start)
        for chunk in given:
            answer = self._send(chunk, start)
            self._rows += answer["Rows"]
            if answer["BadRows"]:
                bad_rows = [BadRow(one["Row"] - start, one["Reason"]) for one in answer["BadRows"]]
                self._failed.append(failed_rows(chunk, start, bad_rows))
            start += chunk.num_rows
            progress(start)
        return Ingested(self._ingestion_id, self._rows, joined(self._failed))

    def _where_it_stands(self) -> tuple[int, int]:
        """How many rows are done, and how many the chunk behind them has, if one is in hand."""
        answer = self._http.json("GET", f"{self._path}?{urlencode(self._query)}")
        return answer["Done"], answer["ChunkRows"]

    def _checked_whole(
        self, group: FeatureGroup, chunks: Iterable[pa.Table], start: int
    ) -> list[pa.Table]:
        """The chunks of a table in memory, once all of them are found to fit."""
        whole = list(chunks)
        row = start
        for chunk in whole:
            for bad in check_rows(group, chunk, stops_at_first=True).bad_rows:
                written = "no row was written" if not start else f"rows up to {start} are done"
                raise ValidationError(f"row {row + bad.row}: {bad.reason}; {written}")
            row += chunk.num_rows
        return whole

    def _send(self, chunk: pa.Table, start: int) -> dict[str, Any]:
        path = f"{self._path}?{urlencode([*self._query, ('Start', start)])}"
        was_lost = False
        for pause_seconds in (*_PAUSES_SECONDS, None):
            try:
                return self._http.send_table(path, chunk)
            except StoreUnavailable as error:
                was_lost = True
                if pause_seconds is None:
                    raise StoreUnavailable(
                        f"{error}; the same call with ingestion_id={self._ingestion_id!r} goes on"
                        " where this one ended"
                    ) from error
            except ConflictError:
                # The request whose answer was lost may still be at work, and this one met it.
                if not was_lost or pause_seconds is None:
                    raise
            time.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311
        raise AssertionError("the last attempt raises or answers")
