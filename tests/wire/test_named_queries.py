"""Named queries as clients see them."""

from typing import Any

from .athena_requests import call
from .bench import ATHENA, Bench

QUERY = {"Name": "n", "Database": "d", "QueryString": "SELECT 1", "Description": "first"}
TOKEN = "t" * 32


def listed(bench: Bench) -> list[str]:
    found: list[str] = call(bench, "ListNamedQueries")["NamedQueryIds"]
    return found


def test_a_token_makes_one_query(bench: Bench) -> None:
    first = call(bench, "CreateNamedQuery", **QUERY, ClientRequestToken=TOKEN)["NamedQueryId"]
    again = call(bench, "CreateNamedQuery", **QUERY, ClientRequestToken=TOKEN)["NamedQueryId"]
    other = call(bench, "CreateNamedQuery", **QUERY)["NamedQueryId"]
    assert first == again
    assert listed(bench) == sorted([first, other])
    changed: dict[str, Any] = {**QUERY, "QueryString": "SELECT 2", "ClientRequestToken": TOKEN}
    answer = bench.send(ATHENA, "CreateNamedQuery", **changed)
    assert answer.code == "InvalidRequestException"
    assert "Idempotent parameters do not match" in answer.message


def test_queries_are_read_changed_and_deleted(bench: Bench) -> None:
    made = call(bench, "CreateNamedQuery", **QUERY)
    call(bench, "UpdateNamedQuery", **made, Name="m", QueryString="SELECT 2")
    found = call(bench, "GetNamedQuery", **made)["NamedQuery"]
    assert found == {
        **QUERY,
        **made,
        "Name": "m",
        "QueryString": "SELECT 2",
        "WorkGroup": "primary",
    }
    ids = [made["NamedQueryId"], "x"]
    batch = call(bench, "BatchGetNamedQuery", NamedQueryIds=ids)
    assert [one["Name"] for one in batch["NamedQueries"]] == ["m"]
    assert [one["NamedQueryId"] for one in batch["UnprocessedNamedQueryIds"]] == ["x"]
    call(bench, "DeleteNamedQuery", **made)
    assert listed(bench) == []
    assert bench.send(ATHENA, "GetNamedQuery", **made).code == "InvalidRequestException"
