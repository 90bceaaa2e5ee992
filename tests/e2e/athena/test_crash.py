"""kill -9 while statements write: afterwards a table is there whole, or not at all.

TANDEM_ATHENA_KILLS says how many kills; `make soak` runs more.
"""

import os
import random
import time
from pathlib import Path

from e2e.athena.session import AthenaSession
from e2e.server_process import ServerProcess

KILLS = int(os.environ.get("TANDEM_ATHENA_KILLS", "6"))
ROWS = 20_000
_NUMBERS = f"UNNEST(sequence(1, {ROWS // 100})) AS a(i), UNNEST(sequence(1, 100)) AS b(k)"
CREATE = (
    "CREATE TABLE lab.t{number} WITH (partitioned_by = ARRAY['part']) AS"
    f" SELECT a.i * 100 + b.k AS n, b.k % 20 AS part FROM {_NUMBERS}"
)
INSERT = f"INSERT INTO lab.base SELECT a.i * 100 + b.k, b.k % 20 FROM {_NUMBERS}"


def test_what_writes_is_whole_or_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    data = tmp_path / "data"
    inserted_rows = 0
    with ServerProcess(data) as server:
        session = AthenaSession(server)
        session.run("CREATE DATABASE lab")
        session.run(CREATE.format(number="_first").replace("lab.t_first", "lab.base"))
    for number in range(KILLS):
        with ServerProcess(data) as server:
            session.athena, session.s3, session.server = (
                server.client("athena"),
                server.client("s3"),
                server,
            )
            inserted_rows = _check(session, inserted_rows)
            session.start(CREATE.format(number=number))
            session.start(INSERT)
            time.sleep(chance.uniform(0.0, 0.6))
            server.kill()
    with ServerProcess(data) as server:
        session.athena, session.s3 = server.client("athena"), server.client("s3")
        _check(session, inserted_rows)
        staged = list((data / "s3" / ".staging").iterdir())
        assert staged == []


def _check(session: AthenaSession, known_rows: int) -> int:
    """Every table is whole, and so is every insert; returns the rows of the table of inserts."""
    for table in session.lines("SHOW TABLES IN lab"):
        ((count, parts),) = session.rows(f"SELECT count(*), count(DISTINCT part) FROM lab.{table}")
        if table == "base":
            assert int(count) % ROWS == 0, (table, count)
            assert int(count) >= known_rows
            known_rows = int(count)
        else:
            assert (int(count), int(parts)) == (ROWS, 20), table
    # What no table has was deleted with the statement that wrote it.
    for key in session.keys("results/tables/"):
        assert key.count("/") == 4
    return known_rows
