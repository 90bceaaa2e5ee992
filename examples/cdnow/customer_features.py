"""The feature group `customer-features`, through plain boto3 clients: AWS's API, another address.

Nothing here knows Tandem: but for address, keys and role, these are calls to Amazon SageMaker.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import boto3
import pandas as pd
from botocore.config import Config
from features import TYPES

GROUP = "customer-features"
BATCH_WRITE_ENTRIES = 25
"""The most that BatchWriteRecord takes in one call."""
BATCH_GET_IDENTIFIERS = 100
"""The most that BatchGetRecord takes in one call."""
THREADS = 16

_TEXT_OF: Mapping[str, Callable[[Any], str]] = {
    "total_spend": "{:.2f}".format,
    "avg_order_value": "{:.2f}".format,
}


class CustomerFeatures:
    """The feature group behind an endpoint. Safe to use from many threads, as boto3's clients."""

    def __init__(self, url: str) -> None:
        self._sagemaker = _client("sagemaker", url)
        self._runtime = _client("sagemaker-featurestore-runtime", url)

    def create(self) -> None:
        """Creates the group and waits until it can be used, which AWS takes a while for."""
        self._sagemaker.create_feature_group(
            FeatureGroupName=GROUP,
            RecordIdentifierFeatureName="customer_id",
            EventTimeFeatureName="event_time",
            FeatureDefinitions=[
                {"FeatureName": name, "FeatureType": kind} for name, kind in TYPES.items()
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://cdnow/features"}},
            RoleArn="arn:aws:iam::000000000000:role/cdnow",
            Description="What the shop knows of a customer at a moment",
        )
        while self._status() == "Creating":
            sleep(1)

    def _status(self) -> str:
        answer = self._sagemaker.describe_feature_group(FeatureGroupName=GROUP)
        return str(answer["FeatureGroupStatus"])

    def put(self, row: Mapping[str, Any]) -> None:
        """PutRecord: writes one row of features."""
        record = _record([text_of(name, row[name]) for name in TYPES])
        self._runtime.put_record(FeatureGroupName=GROUP, Record=record)

    def get(self, customer_id: str) -> dict[str, str]:
        """GetRecord: the newest features of a customer, as they were written."""
        answer = self._runtime.get_record(
            FeatureGroupName=GROUP, RecordIdentifierValueAsString=customer_id
        )
        return _values(answer["Record"])

    def write(self, rows: pd.DataFrame) -> Iterator[int]:
        """BatchWriteRecord: writes many rows from many threads; yields how many as it goes.

        Rows of one customer may arrive in any order: the newest event time is what is served.
        Raises RuntimeError where the store refuses a row.
        """
        columns = [[text_of(name, value) for value in rows[name]] for name in TYPES]
        records = list(zip(*columns, strict=True))

        def write_from(start: int) -> int:
            batch = records[start : start + BATCH_WRITE_ENTRIES]
            self._write_batch(batch)
            return len(batch)

        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(write_from, range(0, len(records), BATCH_WRITE_ENTRIES))

    def _write_batch(self, batch: Sequence[Sequence[str]]) -> None:
        answer = self._runtime.batch_write_record(
            Entries=[{"FeatureGroupName": GROUP, "Record": _record(texts)} for texts in batch]
        )
        if answer["Errors"] or answer["UnprocessedEntries"]:
            raise RuntimeError(f"BatchWriteRecord refused: {answer['Errors'][:1] or 'entries'}")

    def get_many(self, customer_ids: Sequence[str]) -> Iterator[dict[str, str]]:
        """BatchGetRecord: the newest features of each customer who has any, in no fixed order.

        Raises RuntimeError where a record cannot be read.
        """
        for start in range(0, len(customer_ids), BATCH_GET_IDENTIFIERS):
            wanted = {
                "FeatureGroupName": GROUP,
                "RecordIdentifiersValueAsString": list(
                    customer_ids[start : start + BATCH_GET_IDENTIFIERS]
                ),
            }
            answer = self._runtime.batch_get_record(Identifiers=[wanted])
            if answer["Errors"] or answer["UnprocessedIdentifiers"]:
                raise RuntimeError(f"BatchGetRecord failed: {answer['Errors'][:1] or 'records'}")
            for found in answer["Records"]:
                yield _values(found["Record"])


def text_of(feature: str, value: Any) -> str:
    """A value as the API carries it. Dollars keep their cents: 89.50, not 89.5."""
    return _TEXT_OF.get(feature, str)(value)


def _record(texts: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"FeatureName": name, "ValueAsString": text}
        for name, text in zip(TYPES, texts, strict=True)
    ]


def _values(record: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {feature["FeatureName"]: feature["ValueAsString"] for feature in record}


def _client(service: str, url: str) -> Any:
    # Keys and region are those of nobody: Tandem on loopback asks for none, boto3 does. No proxy
    # of the environment may come between two processes of one machine.
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=Config(max_pool_connections=THREADS, proxies={}),
    )
