"""Stream files: what they say is read, and what is wrong is said with its line and key."""

from pathlib import Path

import msgspec
import pytest

from tandem.errors import ValidationError
from tandem.streams import StreamDefinition, read_stream_file

PAGE = Path(__file__).parents[3] / "docs" / "streams.md"
GOOD = """\
stream: orders
source:
  kafka:
    topic: orders
    brokers: localhost:9092
    start: 2026-01-31T00:00:00Z
filter: {country: DE}
group_field: type
groups:
  order.made:
    group: orders
    features:
      id: $key
      time: $timestamp
      total: {constant: 3}
    target_stores: [OnlineStore]
dead_letters:
  file: dead.jsonl
batch:
  messages: 100
"""


def read(folder: Path, text: str) -> StreamDefinition:
    (folder / "s.yaml").write_text(text)
    return read_stream_file(folder / "s.yaml")


def test_a_file(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.group_name("order.made") == "orders"
    assert found.dead_letters is not None
    assert found.dead_letters.file == str(tmp_path / "dead.jsonl")
    assert found.batch.messages == 100


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("2026-01-31T00:00:00Z", "earliset", 6, ("source.kafka.start", "earliset", "latest")),
        ("topic: orders", "topics: orders", 4, ("source.kafka.topics", "no such key")),
        ("topic: orders", "topic: 3", 4, ("source.kafka.topic", "str")),
        ("stream: orders", "stream: a/b", 1, ("stream", "a/b", "letters")),
        ("  kafka:", "  kafak:", 3, ("source.kafak",)),
        ("messages: 100", "messages: 100000", 20, ("batch.messages", "10000")),
        ("messages: 100", "messages: many", 20, ("batch.messages", "int")),
        ("[OnlineStore]", "[Online]", 16, ("target_stores", "'Online'", "OfflineStore")),
        ("$timestamp", "$time", 14, ("features.time", "$time", "$header.NAME")),
        ("$key", "a..b", 13, ("features.id", "a..b", "empty part")),
        ("constant: 3", "const: 3", 15, ("features.total", "const")),
        ("  file: dead.jsonl", "  file: a\n  topic: b", 17, ("dead_letters", "file or topic")),
        ("group_field: type", "groupfield: type", 8, ("groupfield", "no such key")),
        ("group_field: type", "tombstones: maybe", 8, ("tombstones", "maybe")),
        ("group_field: type", "format: avro", 8, ("format", "schema")),
        ("group_field: type", "registry: http://x", 8, ("registry", "avro")),
        ("    group: orders", "    group: a b", 11, ("groups.order.made.group", "a b")),
        ("stream: orders", "stream: orders\nstream: x", 2, ("comes twice",)),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, old: str, new: str, line: int, said: tuple[str, ...]
) -> None:
    assert old in GOOD
    with pytest.raises(ValidationError) as raised:
        read(tmp_path, GOOD.replace(old, new, 1))
    text = str(raised.value)
    assert f"s.yaml:{line}:" in text, text
    assert all(part in text for part in said), text


def test_several_groups_need_a_field(tmp_path: Path) -> None:
    text = GOOD.replace("group_field: type\n", "").replace(
        "dead_letters", "  two: {}\ndead_letters"
    )
    with pytest.raises(ValidationError, match=r"s.yaml:8: groups: .* group_field"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["", "- a", "a: 1\n---\nb: 2", "{", "\x00"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError, match=r"s\.yaml"):
        read(tmp_path, text)


def keys(kind: type[msgspec.Struct], head: str = "") -> list[str]:
    """Every key that has no keys below it."""
    found: list[str] = []
    for field in msgspec.structs.fields(kind):
        name = f"{head}{field.encode_name}"
        info = msgspec.inspect.type_info(field.type)
        inner = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
        below: list[str] = []
        for one in inner:
            is_by_name = isinstance(one, msgspec.inspect.DictType)
            value = one.value_type if is_by_name else one
            if isinstance(value, msgspec.inspect.StructType):
                below += keys(value.cls, f"{name}.NAME." if is_by_name else f"{name}.")
        found += below or [name]
    return found


def test_every_key_is_documented() -> None:
    page = PAGE.read_text()
    found = keys(StreamDefinition)
    assert len(found) > 20
    assert [key for key in found if f"`{key}`" not in page] == []
