"""The library sends a piece again where its answer was lost, and not where it was refused."""

from typing import Any

import pyarrow as pa
import pytest

from tandem.errors import ConflictError, StoreUnavailable, TandemError, ValidationError
from tandem.sdk import remote_ingestion
from tandem.sdk.remote_ingestion import RemoteIngestion
from tandem.service import ingestion_chunks
from tandem.service.ingestion import IngestOptions, OnError
from tandem.testing.purchases import purchases_group

LOST = StoreUnavailable("the answer was lost")
REFUSED = ConflictError("the mark was moved meanwhile")
TIMES = ["2024-01-01T00:00:00Z"] * 5
ROWS = pa.table({"customer": list("abcde"), "bought_at": TIMES})


class Server:
    """Answers as it is told: with errors first, then with success."""

    def __init__(self, *errors: TandemError, done: int = 0, chunk_rows: int = 0) -> None:
        self.errors = list(errors)
        self.standing = {"Done": done, "ChunkRows": chunk_rows}
        self.sent: list[tuple[int, list[str]]] = []

    def json(self, _method: str, _path: str) -> dict[str, Any]:
        return self.standing

    def send_table(self, path: str, table: pa.Table) -> dict[str, Any]:
        self.sent.append((int(path.rpartition("Start=")[2]), table["customer"].to_pylist()))
        if self.errors:
            raise self.errors.pop(0)
        return {"Rows": table.num_rows, "BadRows": []}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_chunks, "CHUNK_ROWS", 2)
    monkeypatch.setattr(remote_ingestion, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))


def ingest(server: Server, rows: Any = ROWS) -> int:
    ingestion = RemoteIngestion(server, "purchases", IngestOptions())  # type: ignore[arg-type]
    return ingestion.run(purchases_group(), rows, lambda _done: None).rows


def test_piece_by_piece() -> None:
    server = Server()
    assert ingest(server) == 5
    assert server.sent == [(0, ["a", "b"]), (2, ["c", "d"]), (4, ["e"])]


def test_a_lost_answer_is_asked_for_again() -> None:
    server = Server(LOST, REFUSED, LOST)
    assert ingest(server) == 5
    assert [start for start, _ in server.sent] == [0, 0, 0, 0, 2, 4]


def test_rows_that_were_left_out_when_the_answer_was_lost() -> None:
    """The second attempt finds all done, and answers that it wrote nothing and left nothing out."""

    class Done(Server):
        def send_table(self, path: str, table: pa.Table) -> dict[str, Any]:
            super().send_table(path, table)
            return {"Rows": 0, "BadRows": []}

    bad = ROWS.append_column("items", pa.array([1.0, 2.0, 3.0, 4.5, 5.0]))
    server: Any = Done(LOST)
    ingestion = RemoteIngestion(server, "purchases", IngestOptions(on_error=OnError.SKIP))
    done = ingestion.run(purchases_group(), bad.slice(2, 2), lambda _: None)
    assert done.rows == 1
    assert done.failed is not None
    assert done.failed["_row"].to_pylist() == [1]


def test_it_gives_up_in_the_end() -> None:
    with pytest.raises(StoreUnavailable, match="goes on where this one ended"):
        ingest(Server(*[LOST] * 4))


@pytest.mark.parametrize("error", [REFUSED, ValidationError("row 0: bad")])
def test_what_is_refused_is_not_sent_again(error: TandemError) -> None:
    server = Server(error)
    with pytest.raises(type(error)):
        ingest(server)
    assert len(server.sent) == 1


def test_it_goes_on_where_the_input_stands() -> None:
    server = Server(done=1, chunk_rows=3)
    assert ingest(server) == 4
    assert server.sent == [(1, ["b", "c", "d"]), (4, ["e"])]


def test_a_table_is_checked_whole_before_the_first_piece_goes() -> None:
    server = Server()
    bad = ROWS.append_column("items", pa.array([1.0, 2.0, 3.0, 4.0, 4.5]))
    with pytest.raises(ValidationError, match=r"^row 4: .*; no row was written$"):
        ingest(server, bad)
    assert server.sent == []
