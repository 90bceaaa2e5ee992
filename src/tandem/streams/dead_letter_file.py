"""Dead letters as lines of JSON in a file, synced before the stream goes on.

Each has the stream, topic, partition, offset, timestamp and reason; key and value as text, or,
where they are no text, as base64 under `key_base64` and `value_base64`.
"""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.streams.base import DeadLetter, DeadLetters, SourceUnavailable


class DeadLetterFile(DeadLetters):
    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, letters: Sequence[DeadLetter]) -> None:
        lines = "".join(f"{json.dumps(_members(one), ensure_ascii=False)}\n" for one in letters)
        content = lines.encode(errors="backslashreplace")
        try:
            is_new = not self._path.exists()
            with self._path.open("ab", buffering=0) as file:
                whole = file.tell()
                try:
                    if whole and not _ends_with_newline(self._path):
                        content = b"\n" + content  # a crash left half a line
                    while content:
                        content = content[file.write(content) :]
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(self._path, whole)
                    raise
            if is_new:
                _sync_folder(self._path.parent)
        except OSError as error:
            raise SourceUnavailable(
                f"dead letters cannot be written to {self._path}: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Nothing is held."""


def _members(letter: DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        "stream": letter.stream,
        "topic": letter.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp_ms": message.timestamp_ms,
        "reason": letter.reason,
        **_content("key", message.key),
        **_content("value", message.value),
    }


def _content(name: str, content: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if content is None else content.decode()}
    except UnicodeDecodeError:
        assert content is not None
        return {f"{name}_base64": base64.b64encode(content).decode()}


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
