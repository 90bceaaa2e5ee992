"""Glue's search of tables: what filters and words find, in which order, page by page."""

from collections.abc import Iterator
from typing import Any

import pytest

from .bench import GLUE, START_US, Bench
from .conftest import create_groups
from .glue_requests import call

TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "sales": {
        "customer-link": {"Owner": "ann", "Parameters": {"classification": "csv"}},
        "xx-link-yy": {"Owner": "bob", "Description": "Links, of old Orders"},
        "xxlinkyy": {"Owner": "ann", "LastAccessTime": 1_700_000_000},
        "fact_orders": {
            "StorageDescriptor": {"Columns": [{"Name": "amount", "Comment": "gross, in cents"}]},
            "PartitionKeys": [{"Name": "day", "Type": "string"}],
        },
    },
    "stock": {"link": {"TableType": "VIRTUAL_VIEW", "Parameters": {"classification": "Avro"}}},
}


@pytest.fixture(scope="module")
def catalog() -> Iterator[Bench]:
    """A table a second, and the tables of feature groups."""
    bench = Bench()
    create_groups(bench)
    for database, tables in TABLES.items():
        call(bench, "CreateDatabase", DatabaseInput={"Name": database})
        for name, said in tables.items():
            bench.now_us += 1_000_000
            call(bench, "CreateTable", DatabaseName=database, TableInput={"Name": name, **said})
    yield bench
    bench.close()


def found(catalog: Bench, **asked: Any) -> list[str]:
    return [table["Name"] for table in call(catalog, "SearchTables", **asked)["TableList"]]


def of(key: str, value: str, comparator: str | None = None) -> dict[str, str]:
    compared = {} if comparator is None else {"Comparator": comparator}
    return {"Key": key, "Value": value, **compared}


ALL = ["both_1750000000", "history_1750000000", *sorted(TABLES["sales"]), "link"]


def test_without_a_question_everything_is_found(catalog: Bench) -> None:
    assert found(catalog) == ALL
    assert found(catalog, ResourceShareType="ALL") == ALL
    assert found(catalog, ResourceShareType="FOREIGN") == []
    table = call(catalog, "SearchTables", SearchText="classification csv")["TableList"][0]
    same = call(catalog, "GetTable", DatabaseName="sales", Name="customer-link")["Table"]
    assert table == same


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([of("Name", "link")], ["customer-link", "xx-link-yy", "link"]),
        ([of("name", "LINK")], ["customer-link", "xx-link-yy", "link"]),
        ([of("Name", "customer-link")], ["customer-link"]),
        ([of("Name", "orders")], []),
        ([of("Name", "fact_orders")], ["fact_orders"]),
        ([of("Name", "link"), of("Owner", "ann")], ["customer-link"]),
        ([of("DatabaseName", "stock")], ["link"]),
        ([of("Description", "orders", "EQUALS")], ["xx-link-yy"]),
        ([of("TableType", "VIRTUAL_VIEW")], ["link"]),
        ([of("classification", "avro")], ["link"]),
        ([of("nothing", "parquet")], []),
        ([of("LastAccessTime", "1700000000")], ["xxlinkyy"]),
        ([of("LastAccessTime", "2023-11-14T22:13:20Z", "LESS_THAN_EQUALS")], ["xxlinkyy"]),
        ([of("LastAccessTime", "2023-11-14T22:13:20", "LESS_THAN")], []),
        ([of("CreateTime", str(START_US // 10**6 + 4), "GREATER_THAN")], ["link"]),
        (
            [of("CreateTime", str(START_US // 10**6 + 4), "GREATER_THAN_EQUALS")],
            ["fact_orders", "link"],
        ),
    ],
)
def test_filters(catalog: Bench, filters: list[dict[str, str]], names: list[str]) -> None:
    assert found(catalog, Filters=filters) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("link", ["customer-link", "xx-link-yy", "xxlinkyy", "link"]),
        ('"link"', ["link"]),
        ('"Links, of old orders"', ["xx-link-yy"]),
        ("ORDERS", ["fact_orders", "xx-link-yy"]),
        ("orders day", ["fact_orders"]),
        ("cents", ["fact_orders"]),
        ("av ro", ["link"]),
        ("stock", ["link"]),
        ("nothing", []),
    ],
)
def test_words(catalog: Bench, text: str, names: list[str]) -> None:
    assert found(catalog, SearchText=text) == names


def test_order(catalog: Bench) -> None:
    def ordered(field: str, sort: str = "ASC", **asked: Any) -> list[str]:
        return found(catalog, SortCriteria=[{"FieldName": field, "Sort": sort}], **asked)

    assert ordered("Name") == sorted(ALL)
    assert ordered("name", "DESC") == sorted(ALL, reverse=True)
    assert ordered("UpdateTime", "DESC", SearchText="link") == [
        *("link", "xxlinkyy", "xx-link-yy", "customer-link")
    ]
    assert ordered("Owner", SearchText="link") == [
        *("link", "customer-link", "xxlinkyy", "xx-link-yy")
    ]


@pytest.mark.parametrize("sort", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["Name", "Owner", "CreateTime"])
def test_pages(catalog: Bench, field: str, sort: str) -> None:
    asked: dict[str, Any] = {"SortCriteria": [{"FieldName": field, "Sort": sort}]}
    names, token = [], {}
    for _ in range(len(ALL)):
        page = call(catalog, "SearchTables", MaxResults=1, **asked, **token)
        names += [table["Name"] for table in page["TableList"]]
        token = {"NextToken": page.get("NextToken")}
    assert (names, token) == (found(catalog, **asked), {"NextToken": None})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"Filters": [of("Name", "a", "LESS_THAN")]}, "only times are compared"),
        ({"Filters": [of("CreateTime", "noon")]}, "'noon' of the filter on 'CreateTime'"),
        ({"Filters": [of("CreateTime", "nan")]}, "'nan' of the filter on 'CreateTime'"),
        ({"Filters": [{"Key": "Name"}]}, "a filter of Filters has no Value"),
        ({"Filters": [{"Value": "a"}]}, "a filter of Filters has no Key"),
        ({"SortCriteria": [{"FieldName": "Colour"}]}, "'Colour' of SortCriteria"),
        ({"CatalogId": "1"}, "CatalogId"),
        ({"NextToken": "x"}, "NextToken"),
    ],
)
def test_refusals(catalog: Bench, asked: dict[str, Any], said: str) -> None:
    answer = catalog.send(GLUE, "SearchTables", **asked)
    assert (answer.code, answer.status) == ("InvalidInputException", 400)
    assert said in answer.message


def test_a_token_belongs_to_its_question(catalog: Bench) -> None:
    token = call(catalog, "SearchTables", MaxResults=1)["NextToken"]
    answer = catalog.send(GLUE, "SearchTables", SearchText="link", NextToken=token)
    assert answer.code == "InvalidInputException"
