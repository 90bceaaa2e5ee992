"""What every registry of documents must do, as tests.

class TestMyDocuments(DocumentRegistryContract):
    @pytest.fixture
    def documents(self):
        return MyRegistry(...)

    def reopen(self, documents):
        return MyRegistry(...)      # over the same data; leave this out where nothing lasts
"""

from functools import partial

import pytest

from tandem.errors import ConflictError
from tandem.registry.base import Document, DocumentRegistry
from tandem.testing.race import race, winners


class DocumentRegistryContract:
    """Subclass this, override `documents`, and `reopen` where the registry is durable."""

    @pytest.fixture
    def documents(self) -> DocumentRegistry:
        raise NotImplementedError("override the fixture `documents` with an empty registry")

    def reopen(self, documents: DocumentRegistry) -> DocumentRegistry:
        """The registry as a new process finds it."""
        return documents

    def test_nothing_is_there_at_first(self, documents: DocumentRegistry) -> None:
        assert documents.document("role", "reader") is None
        assert documents.documents("role") == {}
        documents.remove_document("role", "reader", 0)

    def test_a_document_comes_back(self, documents: DocumentRegistry) -> None:
        documents.put_document("role", "käse 🧀", '{"a": "\\u0000"}', 0)
        later = self.reopen(documents)
        assert later.document("role", "käse 🧀") == Document('{"a": "\\u0000"}', 1)
        later.put_document("role", "käse 🧀", "", 1)
        assert self.reopen(later).document("role", "käse 🧀") == Document("", 2)

    def test_kinds_are_apart_and_names_in_order(self, documents: DocumentRegistry) -> None:
        for name in ("b", "C", "a"):
            documents.put_document("role", name, name, 0)
        documents.put_document("policy", "a", "another", 0)
        assert list(documents.documents("role").items()) == [
            ("C", Document("C", 1)),
            ("a", Document("a", 1)),
            ("b", Document("b", 1)),
        ]
        documents.remove_document("role", "a", 1)
        assert documents.document("policy", "a") == Document("another", 1)
        assert list(self.reopen(documents).documents("role")) == ["C", "b"]

    @pytest.mark.parametrize("expected", [0, 2])
    def test_a_change_of_another_revision_is_refused(
        self, documents: DocumentRegistry, expected: int
    ) -> None:
        documents.put_document("role", "reader", "1", 0)
        with pytest.raises(ConflictError, match=f"role 'reader' .* revision {expected}"):
            documents.put_document("role", "reader", "2", expected)
        with pytest.raises(ConflictError, match=f"revision {expected}"):
            documents.remove_document("role", "reader", expected)
        with pytest.raises(ConflictError):
            documents.remove_document("role", "writer", 1)
        assert documents.document("role", "reader") == Document("1", 1)

    def test_of_many_changes_of_one_revision_one_wins(self, documents: DocumentRegistry) -> None:
        for expected in (0, 1):
            contents = [f"{expected}-{number}" for number in range(6)]
            outcomes = race(
                [
                    partial(documents.put_document, "role", "reader", content, expected)
                    for content in contents
                ]
            )
            assert winners(outcomes) == 1
            won = contents[outcomes.index(None)]
            assert documents.document("role", "reader") == Document(won, expected + 1)
