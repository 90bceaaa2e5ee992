"""A stream read from a YAML file, which is checked whole: errors name the file, the line and the
key, and say what to write instead.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from tandem.errors import ValidationError
from tandem.model.definition import check_group_name
from tandem.model.targets import TARGET_STORES_BY_NAME
from tandem.sdk.yaml_documents import documents
from tandem.service.streams import check_stream_name
from tandem.streams.definition import (
    BATCH_MESSAGES_MAX,
    BATCH_WAIT_SECONDS_MAX,
    Format,
    StreamDefinition,
    start_ms,
)
from tandem.streams.fields import check_path

Keys = tuple[str | int, ...]
_PART = re.compile(r"\[\.\.\.\]|\[\d+\]|[^.\[\]]+")


class _Wrong(Exception):
    """What is wrong with the value under some keys."""

    def __init__(self, keys: Keys, reason: str) -> None:
        super().__init__(reason)
        self.keys = keys


def read_stream_file(path: str | Path) -> StreamDefinition:
    """The stream that a file describes. Relative paths in it begin at the file's folder.

    Raises ValidationError.
    """
    file = Path(path)
    found = list(documents(file))
    if len(found) != 1 or not isinstance(found[0].content, dict):
        raise ValidationError(f"{file} holds {len(found)} documents: write one, a mapping")
    ((content, node),) = found
    try:
        definition = _converted(content)
        for check in _CHECKS:
            check(definition)
    except _Wrong as wrong:
        keys = ".".join(map(str, wrong.keys))
        line = _line(node, wrong.keys)
        raise ValidationError(f"{file}:{line}: {keys + ': ' if keys else ''}{wrong}") from None
    return _beside(file, definition)


def _converted(content: Any) -> StreamDefinition:
    try:
        return msgspec.convert(content, StreamDefinition)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        keys = _keys(content, where.rstrip("`"))
        if "unknown field" in problem:
            name = problem.split("`")[-2]
            keys, problem = (*keys, name), "there is no such key: take it out, or see the page"
        raise _Wrong(keys, problem) from None


def _keys(content: Any, where: str) -> Keys:
    """msgspec's path as keys. It writes [...] for a key of a mapping: the first that may be."""
    keys: list[str | int] = []
    parts = _PART.findall(where)
    for index, part in enumerate(parts):
        if part == "[...]":
            following = parts[index + 1] if index + 1 < len(parts) else ""
            keys.append(_first_wrong(content, following) if isinstance(content, dict) else "")
        else:
            keys.append(int(part[1:-1]) if part.startswith("[") else part)
        try:
            content = content[keys[-1]]
        except (KeyError, IndexError, TypeError):
            content = None
    return tuple(keys)


def _first_wrong(content: dict[Any, Any], head: str) -> str:
    """The first entry that has the key `head`; without one, the first that is no plain value."""
    for key, value in content.items():
        if not head and not isinstance(value, str | int | float | bool):
            return str(key)
        if head and isinstance(value, dict) and head in value:
            return str(key)
    return str(next(iter(content), ""))


def _line(node: yaml.Node, keys: Sequence[str | int]) -> int:
    """The line of the last of the keys that is there."""
    line = node.start_mark.line
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(key)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _beside(file: Path, definition: StreamDefinition) -> StreamDefinition:
    letters = definition.dead_letters
    if letters is not None and letters.file is not None:
        place = str(file.parent / letters.file)
        letters = msgspec.structs.replace(letters, file=place)
        definition = msgspec.structs.replace(definition, dead_letters=letters)
    if definition.schema is not None:
        place = str(file.parent / definition.schema)
        definition = msgspec.structs.replace(definition, schema=place)
    return definition


def _check_names(definition: StreamDefinition) -> None:
    with_keys(("stream",), check_stream_name, definition.stream)
    if not definition.groups:
        raise _Wrong(("groups",), "no group is named: write the group's name and its features")
    if len(definition.groups) > 1 and definition.group_field is None:
        raise _Wrong(
            ("groups",),
            "there are several groups, but no group_field says which one a message is for: name"
            " the field whose value does",
        )
    for key in definition.groups:
        keys = ("groups", key, "group") if definition.groups[key].group else ("groups", key)
        with_keys(keys, check_group_name, definition.group_name(key))


def _check_source(definition: StreamDefinition) -> None:
    source = definition.source
    if (source.kafka is None) == (source.kinesis is None):
        raise _Wrong(("source",), "write kafka or kinesis, and one of them alone")
    name = "kafka" if source.kafka else "kinesis"
    with_keys(("source", name, "start"), start_ms, source.given.start)
    if source.kafka is not None:
        if not source.kafka.brokers.strip():
            raise _Wrong(("source", "kafka", "brokers"), "it is empty: write HOST:PORT")
        if source.kafka.partitions == []:
            raise _Wrong(
                ("source", "kafka", "partitions"),
                "it is empty: name partitions, or leave it out for what the group assigns",
            )
        for option in source.kafka.options:
            if option in _OURS:
                raise _Wrong(
                    ("source", "kafka", "options", option),
                    "the stream sets this itself: take it out",
                )
    if source.kinesis is not None and source.kinesis.endpoint is not None:
        url = urlsplit(source.kinesis.endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise _Wrong(("source", "kinesis", "endpoint"), "it is no URL: write http://HOST:PORT")


def _check_paths(definition: StreamDefinition) -> None:
    if definition.group_field is not None:
        with_keys(("group_field",), check_path, definition.group_field)
    for path in definition.filter:
        with_keys(("filter", path), check_path, path)
    for key, group in definition.groups.items():
        for feature, source in (group.features or {}).items():
            if isinstance(source, str):
                with_keys(("groups", key, "features", feature), check_path, source)
        for index, store in enumerate(group.target_stores or ()):
            if store not in TARGET_STORES_BY_NAME:
                raise _Wrong(
                    ("groups", key, "target_stores", index),
                    f"{store[:64]!r} is no store: use {' or '.join(TARGET_STORES_BY_NAME)}",
                )
        if group.target_stores == []:
            raise _Wrong(("groups", key, "target_stores"), "it is empty: leave it out for all")


def _check_rest(definition: StreamDefinition) -> None:
    letters = definition.dead_letters
    if letters is not None:
        if (letters.file is None) == (letters.topic is None):
            raise _Wrong(("dead_letters",), "write file or topic, and one of them alone")
        if letters.topic is not None and definition.source.kafka is None:
            raise _Wrong(("dead_letters", "topic"), "a topic needs source.kafka: write file")
    if not 1 <= definition.batch.messages <= BATCH_MESSAGES_MAX:
        raise _Wrong(("batch", "messages"), f"write a number from 1 to {BATCH_MESSAGES_MAX}")
    if not 0 < definition.batch.wait_seconds <= BATCH_WAIT_SECONDS_MAX:
        raise _Wrong(
            ("batch", "wait_seconds"), f"write a number above 0, up to {BATCH_WAIT_SECONDS_MAX:g}"
        )
    is_avro = definition.format is Format.AVRO
    if is_avro and (definition.schema is None) == (definition.registry is None):
        raise _Wrong(("format",), "avro needs schema (a file) or registry (a URL), one of them")
    for name in ("schema", "registry"):
        if not is_avro and getattr(definition, name) is not None:
            raise _Wrong((name,), "this is for format: avro")


def with_keys(keys: Keys, check: Callable[[str], object], value: str) -> None:
    """Runs a check of a value; its error is told of these keys."""
    try:
        check(value)
    except ValidationError as error:
        raise _Wrong(keys, str(error)) from None


_OURS = (
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "partition.assignment.strategy",
)
_CHECKS: Sequence[Callable[[StreamDefinition], None]] = (
    _check_names,
    _check_source,
    _check_paths,
    _check_rest,
)
