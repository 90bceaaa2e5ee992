"""Checks a data folder against the writers' account. Run in a process of its own:

    python verify.py DATA ACCOUNT

with the server's settings in the environment, prints a JSON list of what is wrong; it is empty
where nothing is. A store that was never synced may abort the process that reads it, which the
caller takes as wrong too.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from pyiceberg.catalog.sql import SqlCatalog

from tandem.assembly.core import Core
from tandem.assembly.settings import settings_from_environment
from tandem.model.decision import NewestState
from tandem.model.feature_group import TableFormat
from tandem.model.record import FeatureValue
from tandem.model.time_to_live import is_expired
from tandem.model.write import LogEntry, RecordKey
from tandem.online.features_json import decode_features
from tandem.testing.replay import replay

GROUPS = ["crash-test", "crash-test-iceberg"]
SHOWN = 3


def check(data: Path, account: dict[str, Any]) -> list[str]:
    core = Core(settings_from_environment(data=data), in_background=False)
    try:
        before = {group: token_counts_in_history(core, group) for group in GROUPS}
        core.delivery.deliver_all()
        return [
            f"{group}: {fault}"
            for group in GROUPS
            for fault in check_group(core, group, before[group], account_of(account, group))
        ]
    finally:
        core.close()


def check_group(core: Core, group: str, before: Counter[str], account: dict[str, Any]) -> list[str]:
    after = token_counts_in_history(core, group)
    return [
        *_is_complete("history with its undelivered tail", before, account),
        *_is_complete("history", after, account),
        *_is_complete("what anybody sees", token_counts_in_files(core, group), account),
        *_is_complete("the archive", token_counts_in_archive(core, group), account),
        *_is_served(core, group, account),
        *equals_replay(core, group),
    ]


def account_of(account: dict[str, Any], group: str) -> dict[str, Any]:
    """The part of the account that is about one group."""
    acknowledged = account["acknowledged"].items()
    return {
        "acknowledged": {token: key for token, key in acknowledged if is_of(token, group)},
        "attempted": [token for token in account["attempted"] if is_of(token, group)],
    }


def is_of(token: str, group: str) -> bool:
    return token.startswith(f"{group}/")


def token_counts_in_history(core: Core, group: str) -> Counter[str]:
    rows = core.queries.sql(f'SELECT token FROM "{group}" WHERE token IS NOT NULL')
    return Counter(rows.column("token").to_pylist())


def token_counts_in_files(core: Core, name: str) -> Counter[str]:
    """As other programs read the history: by its files alone."""
    group = core.groups.describe(name)
    assert group.offline is not None
    folder = core.settings.data / "s3" / group.offline.resolved_uri.removeprefix("s3://")
    if not any(folder.rglob("*.parquet")):
        return Counter()
    if group.offline.table_format is TableFormat.ICEBERG:
        catalog = SqlCatalog(
            "tandem",
            uri=f"sqlite:///{core.settings.data / 'iceberg.sqlite'}",
            **{
                "py-io-impl": "tandem.offline.iceberg.file_io.DurableFileIO",
                "tandem.s3-folder": str(core.settings.data / "s3"),
            },
        )
        table = catalog.load_table(f"sagemaker_featurestore.{group.group_id}")
        rows = table.scan(selected_fields=("token",)).to_arrow()
    else:
        dataset = ds.dataset(folder, format="parquet", partitioning="hive")
        rows = dataset.to_table(columns=["token"])
    return Counter(token for token in rows.column("token").to_pylist() if token is not None)


def token_counts_in_archive(core: Core, group: str) -> Counter[str]:
    tokens = (dict(entry.values).get("token") for entry in archive(core, group))
    return Counter(str(token) for token in tokens if token is not None)


def archive(core: Core, group: str) -> list[LogEntry]:
    return list(core.offline.archived(core.groups.describe(group)))


def _is_complete(place: str, counts: Counter[str], account: dict[str, Any]) -> list[str]:
    acknowledged, attempted = account["acknowledged"], set(account["attempted"])
    lost = [token for token in acknowledged if token not in counts]
    # An update keeps the features it does not name, so a token is in history again with each update
    # that names another feature; the workload's updates always name the token.
    doubled = [token for token, count in counts.items() if count > 1]
    foreign = [token for token in counts if token not in attempted]
    return [
        f"{place}: {len(tokens)} tokens {what}, such as {tokens[:SHOWN]}"
        for what, tokens in (("lost", lost), ("more than once", doubled), ("never sent", foreign))
        if tokens
    ]


def _is_served(core: Core, group: str, account: dict[str, Any]) -> list[str]:
    own = [token for token, key in account["acknowledged"].items() if key == token]
    served = core.records.get_many(group, own)
    missing = [
        token
        for token, record in zip(own, served, strict=True)
        if record is None or dict(record.values()).get("token") != token
    ]
    return [f"{len(missing)} records are not served, such as {missing[:SHOWN]}"] if missing else []


def equals_replay(core: Core, group: str) -> list[str]:
    group_id = core.groups.describe(group).group_id
    expected = replay(archive(core, group))
    held: dict[RecordKey, tuple[NewestState, tuple[FeatureValue, ...]]] = {
        RecordKey(group_id, identifier): (record.state, decode_features(record.features_json))
        for identifier, record in core.online.scan(group_id, None, 10_000_000)
    }
    # An expired record counts as absent, swept or not.
    now_ms = time.time_ns() // 1_000_000
    for records in (expected, held):
        expired = [
            key for key, (state, _) in records.items() if is_expired(state.expires_at_ms, now_ms)
        ]
        for key in expired:
            del records[key]
    different = [key for key in expected.keys() | held.keys() if expected.get(key) != held.get(key)]
    return [
        f"online, {key.identifier}: {held.get(key)}; replayed: {expected.get(key)}"
        for key in different[:SHOWN]
    ]


if __name__ == "__main__":
    print(json.dumps(check(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))))
