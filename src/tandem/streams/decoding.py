"""Values of messages as Python has them: JSON, or Avro where that package is installed.

A value that does not decode is a ValidationError, in its place among the others.
"""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from tandem.errors import ValidationError
from tandem.streams.base import SourceUnavailable
from tandem.streams.definition import Format, StreamDefinition

Decode = Callable[[bytes], Any]
"""Raises ValidationError, and SourceUnavailable where a registry does not answer."""

_json_decoder = msgspec.json.Decoder()
_ID = struct.Struct(">bI")
_MAGIC = 0


def decoder(definition: StreamDefinition) -> Decode:
    if definition.format is Format.JSON:
        return decode_json
    try:
        return _Avro(definition).decode
    except ImportError as error:
        raise ValidationError(
            "Avro needs the package fastavro: pip install 'tandem-feature-store[avro]'"
        ) from error


def decode_json(content: bytes) -> Any:
    try:
        return _json_decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValidationError(f"the value is no JSON: {error}") from None


class _Avro:
    """With a schema of one's own, a value is bare Avro; with a registry, it begins with a zero and
    the number of its schema there.
    """

    def __init__(self, definition: StreamDefinition) -> None:
        import fastavro  # an extra, which only those need who name it

        self._library = fastavro
        self._registry = definition.registry
        self._schemas: dict[int, Any] = {}
        self._schema: Any = None
        if definition.schema is not None:
            try:
                self._schema = self._parsed(Path(definition.schema).read_bytes())
            except OSError as error:
                raise ValidationError(
                    f"schema {definition.schema} cannot be read: {error.strerror}"
                ) from error

    def decode(self, content: bytes) -> Any:
        schema, start = self._schema, 0
        if self._registry is not None:
            if len(content) < _ID.size or content[0] != _MAGIC:
                raise ValidationError("the value does not begin with the number of a schema")
            schema, start = self._schema_of(_ID.unpack_from(content)[1]), _ID.size
        try:
            return self._library.schemaless_reader(io.BytesIO(content[start:]), schema, None)
        except Exception as error:  # noqa: BLE001 - the library raises what it stumbles over
            raise ValidationError(f"the value is no Avro of its schema: {error!r}") from None

    def _schema_of(self, number: int) -> Any:
        if number not in self._schemas:
            address = f"{str(self._registry).rstrip('/')}/schemas/ids/{number}"
            try:
                answer = urllib3.request("GET", address, timeout=10, retries=False)
            except urllib3.exceptions.HTTPError as error:
                raise SourceUnavailable(f"the schema registry does not answer: {error}") from error
            if answer.status == 404:
                raise ValidationError(f"the registry has no schema {number}")
            if answer.status != 200:
                raise SourceUnavailable(f"{address} answers with status {answer.status}")
            self._schemas[number] = self._parsed(answer.json()["schema"].encode())
        return self._schemas[number]

    def _parsed(self, text: bytes) -> Any:
        try:
            return self._library.parse_schema(msgspec.json.decode(text))
        except Exception as error:  # noqa: BLE001 - as above
            raise ValidationError(f"the Avro schema cannot be read: {error!r}") from None
