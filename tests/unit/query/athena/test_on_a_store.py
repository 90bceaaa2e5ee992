"""Athena's SQL on a store: through the tables' own columns, the service and its engine."""

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

import tandem
from property.athena_dataset_queries import Choices, dataset_query
from tandem.query.athena import csv_text, history_columns, parse, translate
from tandem.query.athena.statements import Select

DATABASE = '"sagemaker_featurestore"'
Query = Callable[[str], str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(tmp_path_factory.mktemp("store") / "data") as store:
        for name, shift in (("prod-customers", 0), ("orders", -1)):
            frame = pd.DataFrame(
                {
                    "customer": ["C1", "C2", "C1"],
                    "bought_at": [1_700_000_000.0 + shift, 1_700_000_001.5, 1_700_100_000.0],
                    "amount": [10.5, None, 20.25],
                    "items": [1, 5, 2],
                    "LeadSource": ["web", 'say "hi"', None],
                }
            )
            group = store.create_feature_group(
                name, features=frame, record_identifier="customer", event_time="bought_at"
            )
            group.ingest(frame)
        yield store


@pytest.fixture(scope="module")
def query(store: tandem.FeatureStore) -> Query:
    """The CSV of a query's result."""

    def query(text: str) -> str:
        select = parse(text)
        assert isinstance(select, Select)
        columns = {
            table: history_columns(store.feature_group(table.table).definition)
            for table in select.tables
        }
        found = translate(select, columns)
        result = store.sql(found.sql).to_arrow()
        return "".join(csv_text(result.rename_columns(list(found.column_names))))

    return query


def test_all_columns_have_the_catalogs_names(query: Query) -> None:
    header = query(f'SELECT * FROM {DATABASE}."prod-customers"').splitlines()[0]
    assert header == (
        '"customer","bought_at","amount","items","leadsource",'
        '"write_time","api_invocation_time","is_deleted"'
    )


def test_values_are_athenas(query: Query) -> None:
    text = query(
        f"SELECT customer, bought_at, amount, items, LeadSource, is_deleted"
        f' FROM {DATABASE}."prod-customers" WHERE bought_at <= 1700000002 ORDER BY 1;'
    )
    assert text.splitlines()[1:] == [
        '"C1","1.7E9","10.5","1","web","false"',
        '"C2","1.7000000015E9",,"5","say ""hi""","false"',
    ]


def test_the_newest_of_all(query: Query) -> None:
    table = f'{DATABASE}."orders"'
    text = query(
        f"SELECT * FROM {table} WHERE is_deleted=False"
        f" AND bought_at=(SELECT MAX(bought_at) FROM {table});"
    )
    assert [line.split(",")[3] for line in text.splitlines()[1:]] == ['"2"']


def test_a_snapshot_of_a_day(query: Query) -> None:
    """Numbers beside a timestamp, as an article writes it, are seconds since 1970."""
    text = query(
        "SELECT customer, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY"
        f' bought_at DESC) AS rn FROM {DATABASE}."prod-customers"'
        " WHERE bought_at <= TIMESTAMP '2023-11-14 23:59:59') WHERE rn = 1 ORDER BY customer"
    )
    assert text == '"customer","rn"\n"C1","1"\n"C2","1"\n'


def test_a_dataset(query: Query) -> None:
    text = query(
        dataset_query(
            f'{DATABASE}."prod-customers"',
            "sagemaker_featurestore.orders",
            Choices(is_text_time=False, recent=1),
        )
    )
    header, *lines = text.splitlines()
    assert header == (
        '"customer","bought_at","amount","items","customer.1","bought_at.1","amount.1","items.1"'
    )
    assert sorted(lines) == [
        '"C1","1.7001E9","20.25","2","C1","1.7001E9","20.25","2"',
        '"C2","1.7000000015E9",,"5","C2","1.7000000015E9",,"5"',
    ]
