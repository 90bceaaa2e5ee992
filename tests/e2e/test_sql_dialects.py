"""Athena's SQL through the library, on a folder and on a server, and through the command line."""

from pathlib import Path

import pytest

import tandem
from e2e.command_line import CommandLine
from tandem.errors import QueryFailed, ValidationError


@pytest.fixture(scope="module", autouse=True)
def _groups(store: tandem.FeatureStore) -> None:
    group = store.create_feature_group(
        "user-features",
        features={"user": "String", "moment": "Fractional", "Clicks": "Integral"},
        record_identifier="user",
        event_time="moment",
    )
    for user, clicks in (("u-1", 3), ("u-2", 8)):
        group.put({"user": user, "moment": 1_700_000_000.0, "Clicks": clicks})
    for name in ("cased", "Cased"):
        group = store.create_feature_group(
            name,
            features={"id": "String", "moment": "Fractional"},
            record_identifier="id",
            event_time="moment",
        )
        group.put({"id": name, "moment": 1_700_000_000.0})


STATEMENT = """
    SELECT "user", Clicks / 2 AS "half.1"
    FROM "AwsDataCatalog"."sagemaker_featurestore"."user-features"
    WHERE from_unixtime(moment) > timestamp '2023-01-01 00:00:00 UTC' AND NOT is_deleted
    ORDER BY 1;
"""


def test_a_statement_in_athenas_sql(store: tandem.FeatureStore) -> None:
    rows = store.sql(STATEMENT, dialect="athena").to_arrow().to_pylist()
    assert rows == [{"user": "u-1", "half.1": 1}, {"user": "u-2", "half.1": 4}]


def test_the_groups_table_in_the_catalog(store: tandem.FeatureStore) -> None:
    offline = store.feature_group("user-features").definition.offline
    assert offline is not None
    assert offline.data_catalog is not None
    statement = f'SELECT count(*) AS n FROM "{offline.data_catalog.table}"'
    assert store.sql(statement, dialect="athena").to_arrow().to_pylist() == [{"n": 2}]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('DROP TABLE "user-features"', "Table not found"),
        ('SELECT * FROM "user-features$nothing"', "does not exist"),
        ('SELECT * FROM "other"."s"."user-features"', "Catalog 'other' does not exist"),
        (
            "SELECT * FROM nothing",
            "Table 'awsdatacatalog.sagemaker_featurestore.nothing' does not exist",
        ),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT read_csv('/etc/passwd')", "not registered"),
        ("SELECT FROM WHERE", "line 1:"),
    ],
)
def test_what_is_refused(store: tandem.FeatureStore, statement: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=said):
        store.sql(statement, dialect="athena")


@pytest.mark.parametrize("dialect", ["duckdb", "athena"])
def test_groups_that_differ_by_case_alone_are_never_mixed_up(
    store: tandem.FeatureStore, dialect: str
) -> None:
    for name in ("cased", "Cased"):
        found = store.sql(f'SELECT id FROM "{name}"', dialect=dialect).to_arrow().to_pylist()
        assert found == [{"id": name}]
    with pytest.raises(QueryFailed, match="differ by case alone"):
        store.sql('SELECT a.id, b.id FROM "cased" a, "Cased" b', dialect=dialect)


def test_an_unknown_dialect_is_refused(store: tandem.FeatureStore) -> None:
    with pytest.raises(ValidationError, match="dialect 'oracle'"):
        store.sql("SELECT 1", dialect="oracle")


def test_the_command_line(location: str, tmp_path: Path) -> None:
    found = CommandLine(location, tmp_path).json("query", STATEMENT, "--dialect", "athena")
    assert found[1] == {"user": "u-2", "half.1": 4}
