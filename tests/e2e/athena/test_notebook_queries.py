"""Queries as notebooks and builders of data sets write them, on a server."""

import math

import pytest

from e2e.athena.session import BUCKET, AthenaSession
from property.athena_dataset_queries import Choices, dataset_query

HOUR = 3_600.0
T0 = 1_700_000_000.0


@pytest.fixture(scope="module", autouse=True)
def _groups(athena: AthenaSession) -> None:
    athena.run("CREATE DATABASE IF NOT EXISTS app_db")
    client = athena.server.client("sagemaker")
    runtime = athena.server.client("sagemaker-featurestore-runtime")
    for name, kind in (("purchases", "Fractional"), ("visits", "String")):
        client.create_feature_group(
            FeatureGroupName=name,
            RecordIdentifierFeatureName="customer",
            EventTimeFeatureName="bought_at",
            FeatureDefinitions=[
                {"FeatureName": "customer", "FeatureType": "String"},
                {"FeatureName": "bought_at", "FeatureType": kind},
                {"FeatureName": "amount", "FeatureType": "Fractional"},
                {"FeatureName": "items", "FeatureType": "Integral"},
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://features/store"}},
            RoleArn="arn:aws:iam::000000000000:role/tandem",
        )
        for number in range(4):
            moment = T0 + number * HOUR
            text = f"2023-11-1{4 + number}T22:13:20Z" if kind == "String" else str(moment)
            for customer in ("C1", "C2"):
                values = {"customer": customer, "bought_at": text, "amount": number * 1.5}
                runtime.put_record(
                    FeatureGroupName=name,
                    Record=[
                        {"FeatureName": feature, "ValueAsString": str(value)}
                        for feature, value in {**values, "items": number}.items()
                    ],
                )
    runtime.delete_record(
        FeatureGroupName="purchases",
        RecordIdentifierValueAsString="C2",
        EventTime=str(T0 + 10 * HOUR),
    )


@pytest.mark.parametrize("join", ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
@pytest.mark.parametrize("with_deleted", [False, True])
@pytest.mark.parametrize("with_duplicates", [False, True])
@pytest.mark.parametrize("group", ["purchases", "visits"])
def test_builders_of_data_sets(
    athena: AthenaSession, group: str, join: str, with_deleted: bool, with_duplicates: bool
) -> None:
    choices = Choices(
        is_text_time=group == "visits",
        join=join,
        recent=1,
        as_of_us=4_000_000_000_000_000,
        range_us=(int(T0 * 1e6) - 1, None),
        with_deleted=with_deleted,
        with_duplicates=with_duplicates,
    )
    name = f'"sagemaker_featurestore"."{group}"'
    rows = athena.rows(dataset_query(name, name, choices))
    customers = [row[0] for row in rows if row[0]]
    is_gone = group == "purchases" and not with_deleted
    assert set(customers) == ({"C1"} if is_gone else {"C1", "C2"})
    assert next(row for row in rows if row[0] == "C1")[3] == "3"


def test_the_newest_before_each_label(athena: AthenaSession) -> None:
    """A derived table that refers to the outer row."""
    lines = [f"x1,C1,{T0 + 1.5 * HOUR},0", f"x2,C1,{T0 - 1},1", f"x3,C2,{T0 + 99 * HOUR},0"]
    body = ("\n".join(lines) + "\n").encode()
    athena.s3.put_object(Bucket=BUCKET, Key="app/transactions/1.csv", Body=body)
    athena.run(
        "CREATE EXTERNAL TABLE app_db.transactions (transaction_id string, customer string,"
        " bought_at double, is_fraud int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
        f" LOCATION 's3://{BUCKET}/app/transactions/'"
    )
    rows = athena.rows("""
        SELECT T.transaction_id, T.is_fraud AS label, T.bought_at, F.amount, F.items
        FROM "app_db"."transactions" T
        LEFT JOIN "purchases" F
        ON T.customer = F.customer
        AND F.bought_at = (
            SELECT MAX(bought_at) FROM "purchases"
            WHERE customer = T.customer AND bought_at <= T.bought_at -- no later row
        )
        ORDER BY 1
    """)
    assert [row[0] for row in rows] == ["x1", "x2", "x3"]
    assert rows[0][3:] == ["1.5", "1"]
    assert rows[1][3:] == ["", ""]
    assert rows[2][3:] == ["", ""]


def test_moments_against_fractional_event_times(athena: AthenaSession) -> None:
    where = "SELECT count(*) FROM purchases WHERE bought_at {}"
    assert athena.rows(where.format("<= TIMESTAMP '2023-11-14 23:59:59'")) == [["4"]]
    assert athena.rows(where.format("<= 1700000000")) == [["2"]]
    later = athena.rows("SELECT count(*) FROM purchases WHERE from_unixtime(bought_at) > now()")
    assert later == [["0"]]


def test_intervals_against_text_event_times(athena: AthenaSession) -> None:
    count = athena.rows(
        "SELECT count(*) FROM visits WHERE from_iso8601_timestamp(bought_at)"
        " > TIMESTAMP '2023-11-17 22:13:20 UTC' - INTERVAL '24' HOUR"
    )
    assert count == [["2"]]
    assert athena.rows("SELECT count(*) FROM visits WHERE from_unixtime(bought_at) > now()") == [
        ["0"]
    ]


def test_all_of_a_group_and_its_newest_rows(athena: AthenaSession) -> None:
    newest = athena.rows(
        'SELECT * FROM "sagemaker_featurestore"."visits" WHERE is_deleted=False AND bought_at='
        '(SELECT MAX(bought_at) FROM "sagemaker_featurestore"."visits");'
    )
    assert [row[0] for row in sorted(newest)] == ["C1", "C2"]
    text = athena.text(athena.run("SELECT a.*, b.* FROM visits a JOIN visits b USING (items)"))
    assert text.count("\n") == 17
    header = text.splitlines()[0].split(",")
    assert len(header) > len(set(header)), "names of two tables repeat in a header"
    assert math.isclose(float(athena.rows("SELECT avg(amount) FROM visits")[0][0]), 2.25)
