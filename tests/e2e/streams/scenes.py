"""What the tests of streams have in common: a feature group, a definition, what is in history."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

import tandem
from tandem.streams import StreamDefinition

FEATURES = {"id": "String", "time": "String", "token": "String", "amount": "Fractional"}


def create(store: tandem.FeatureStore, name: str, **options: Any) -> None:
    store.create_feature_group(
        name, features=FEATURES, record_identifier="id", event_time="time", **options
    )


def definition(name: str, **members: Any) -> StreamDefinition:
    """Of a stream into the group of that name, whose source a test puts in its place."""
    content = {
        "stream": name,
        "source": {"kafka": {"topic": "topic", "brokers": "nowhere:1"}},
        "groups": {name: {"features": mapping()}},
        "batch": {"messages": 7, "wait_seconds": 0.01},
        **members,
    }
    return msgspec.convert(content, StreamDefinition)


def mapping() -> dict[str, Any]:
    return {"id": "$key", "time": "$timestamp", "token": "token", "amount": "sum.net"}


def file_of(path: Path, name: str, source: dict[str, Any], **members: Any) -> Path:
    """The definition as a file, in JSON, which is YAML."""
    content = {
        "stream": name,
        "source": source,
        "groups": {name: {"features": mapping()}},
        **members,
    }
    path.write_bytes(msgspec.json.encode(content))
    return path


def tokens_in_history(store: tandem.FeatureStore, name: str) -> Counter[str]:
    found = store.sql(f'SELECT token FROM "{name}" WHERE NOT is_deleted').to_arrow()
    return Counter(found["token"].to_pylist())


def each_once(count: int) -> Counter[str]:
    return Counter({f"t{number}": 1 for number in range(count)})
