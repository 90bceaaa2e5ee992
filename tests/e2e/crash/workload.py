"""Writers at full speed through boto3, who keep account of what was acknowledged.

Every put carries a token of its own, which begins with its group. Most go to a key of their own,
some to a key that all share, where older and newer event times, times to live, updates and deletes
meet. Each writer has one of the groups, whose histories are in different table formats.
"""

import json
import random
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

GROUPS = {"crash-test": ("Glue", "Fractional"), "crash-test-iceberg": ("Iceberg", "String")}
"""Table format, and type of the event time."""
HOT_KEYS_PER_SECOND = 20


def hot_key() -> str:
    """The key that all writers write to right now. Each leaves its last state to be checked."""
    return f"hot-{int(time.time() * HOT_KEYS_PER_SECOND)}"


@dataclass
class Account:
    """What the writers were told.

    acknowledged    key by token of each put that was answered with success
    attempted       tokens of all puts that were sent
    deletes         deletes that were answered with success
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    attempted: list[str] = field(default_factory=list)
    deletes: int = 0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


def create_groups(server: Any) -> None:
    for group, (table_format, event_time_type) in GROUPS.items():
        server.client("sagemaker").create_feature_group(
            FeatureGroupName=group,
            RecordIdentifierFeatureName="key",
            EventTimeFeatureName="time",
            FeatureDefinitions=[
                {"FeatureName": "key", "FeatureType": "String"},
                {"FeatureName": "time", "FeatureType": event_time_type},
                {"FeatureName": "token", "FeatureType": "String"},
                {"FeatureName": "extra", "FeatureType": "String"},
            ],
            OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "Standard_V2"},
            OfflineStoreConfig={
                "S3StorageConfig": {"S3Uri": "s3://crash/test"},
                "TableFormat": table_format,
            },
            RoleArn="arn:aws:iam::123456789012:role/test",
        )


class Writers:
    """Threads that write until the server dies. `account` is complete after `join`."""

    def __init__(self, server: Any, name: str, account: Account, threads: int = 4) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._stop = threading.Event()
        client = server.client("sagemaker-featurestore-runtime", connect_timeout=5, read_timeout=15)
        names = {
            f"{name}-{number}": group
            for number, group in zip(range(threads), cycle(GROUPS), strict=False)
        }
        self._written = dict.fromkeys(names, 0)
        self._threads = [
            threading.Thread(target=self._run, args=(client, group, one))
            for one, group in names.items()
        ]
        for thread in self._threads:
            thread.start()

    def begin(self) -> None:
        """Waits until each of them writes, which takes a busy machine a while."""
        deadline = time.monotonic() + 60
        while min(self._written.values()) <= 3 and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, client: Any, group: str, name: str) -> None:
        chance = random.Random(name)
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                self._write(client, group, chance, f"{group}/{name}-{number}")
                self._written[name] = number
            except ClientError as error:
                # An update or a delete of a hot key may lose; the server must not fail otherwise.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    raise
            except BotoCoreError:
                return  # the server is gone

    def _write(self, client: Any, group: str, chance: random.Random, token: str) -> None:
        kind = chance.random()
        if kind < 0.6:
            self._put(client, group, token, token, time.time())
        elif kind < 0.85:
            self._put(client, group, hot_key(), token, float(chance.randrange(1, 50)))
        elif kind < 0.87:
            one_second = {"TtlDuration": {"Unit": "Seconds", "Value": 1}}
            self._put(client, group, hot_key(), token, time.time(), **one_second)
        elif kind < 0.9:
            self._batch(client, group, token)
        elif kind < 0.95:
            self._update(client, group, token)
        else:
            self._delete(client, group, chance)

    def _put(
        self, client: Any, group: str, key: str, token: str, moment: float, **ttl: Any
    ) -> None:
        self._attempt(token)
        client.put_record(FeatureGroupName=group, Record=_record(group, key, token, moment), **ttl)
        self._acknowledge(token, key)

    def _batch(self, client: Any, group: str, token: str) -> None:
        tokens = [f"{token}-{number}" for number in range(5)]
        for one in tokens:
            self._attempt(one)
        entries = [
            {"FeatureGroupName": group, "Record": _record(group, one, one, time.time())}
            for one in tokens
        ]
        answer = client.batch_write_record(Entries=entries)
        if "Errors" not in answer:
            return  # the kill cut the answer off; botocore takes a missing body for an empty one
        assert not answer["Errors"]
        for one in tokens:
            self._acknowledge(one, one)

    def _update(self, client: Any, group: str, token: str) -> None:
        self._attempt(token)
        key = hot_key()
        client.update_record(
            FeatureGroupName=group,
            RecordIdentifierValueAsString=key,
            Features=[{"FeatureName": "token", "ValueAsString": token}],
        )
        self._acknowledge(token, key)

    def _delete(self, client: Any, group: str, chance: random.Random) -> None:
        client.delete_record(
            FeatureGroupName=group,
            RecordIdentifierValueAsString=hot_key(),
            EventTime=_event_time(group, float(chance.randrange(1, 50))),
            DeletionMode=chance.choice(["SoftDelete", "HardDelete"]),
        )
        with self._lock:
            self._account.deletes += 1

    def _attempt(self, token: str) -> None:
        with self._lock:
            self._account.attempted.append(token)

    def _acknowledge(self, token: str, key: str) -> None:
        with self._lock:
            self._account.acknowledged[token] = key


def _event_time(group: str, moment: float) -> str:
    if GROUPS[group][1] == "Fractional":
        return repr(moment)
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


def _record(group: str, key: str, token: str, moment: float) -> list[dict[str, str]]:
    return [
        {"FeatureName": "key", "ValueAsString": key},
        {"FeatureName": "time", "ValueAsString": _event_time(group, moment)},
        {"FeatureName": "token", "ValueAsString": token},
    ]
