"""Documents of the registry as values: one JSON text each, changed by compare-and-set."""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

import msgspec

from tandem.errors import ConflictError, DataCorrupted
from tandem.registry.base import Document, DocumentRegistry
from tandem.service.compare_and_set import Overtaken

Value = TypeVar("Value")


class Stored(NamedTuple, Generic[Value]):
    """A value and the revision of its document, 0 where there is none yet."""

    value: Value
    revision: int


class TypedDocuments(Generic[Value]):
    """The documents that hold values of one class. `noun` is what error messages call one."""

    def __init__(self, registry: DocumentRegistry, type_: type[Value], noun: str) -> None:
        self._registry = registry
        self._decode = msgspec.json.Decoder(type_).decode
        self._noun = noun

    def find(self, kind: str, name: str) -> Stored[Value] | None:
        document = self._registry.document(kind, name)
        return None if document is None else self._stored(name, document)

    def all(self, kind: str) -> Mapping[str, Stored[Value]]:
        """All of a kind by name, in the order of their names."""
        documents = self._registry.documents(kind)
        return {name: self._stored(name, document) for name, document in documents.items()}

    def put(self, kind: str, name: str, value: Value, expected: int) -> None:
        """Raises Overtaken where another revision than `expected` is stored."""
        text = msgspec.json.encode(value).decode()
        try:
            self._registry.put_document(kind, name, text, expected)
        except ConflictError as error:
            raise Overtaken(str(error)) from error

    def remove(self, kind: str, name: str, expected: int) -> None:
        """Raises Overtaken where another revision than `expected` is stored."""
        try:
            self._registry.remove_document(kind, name, expected)
        except ConflictError as error:
            raise Overtaken(str(error)) from error

    def remove_one(self, kind: str, name: str) -> None:
        """Removes what is there, if anything is. Raises Overtaken where it changes meanwhile."""
        document = self._registry.document(kind, name)
        if document is not None:
            self.remove(kind, name, document.revision)

    def remove_all(self, kind: str) -> None:
        """Removes what nobody can find any more; what is changed meanwhile may stay."""
        for name, document in self._registry.documents(kind).items():
            try:
                self._registry.remove_document(kind, name, document.revision)
            except ConflictError:
                continue

    def _stored(self, name: str, document: Document) -> Stored[Value]:
        try:
            return Stored(self._decode(document.content), document.revision)
        except msgspec.MsgspecError as error:
            raise DataCorrupted(
                f"the registry holds {self._noun} {name!r} that cannot be read ({error});"
                " restore the registry from a backup"
            ) from error
