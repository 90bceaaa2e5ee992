"""Tokens: only the one that was given, for the question it was given for."""

import base64

import pytest

from tandem.errors import ValidationError
from tandem.wire.paging import PageTokens

from .bench import RUNTIME, SAGEMAKER, Bench, record

QUESTION = ("ListThings", "group", True)


@pytest.mark.parametrize("cursor", ["", "C1", "é" * 2_000, ["a", 7], [None, {"x": 1.5}]])
def test_a_token_opens_with_its_key_and_question(cursor: object) -> None:
    token = PageTokens(b"key").seal(QUESTION, cursor)
    assert PageTokens(b"key").open(QUESTION, token) == cursor
    assert len(token) <= 8_192


@pytest.mark.parametrize(
    ("key", "question"),
    [
        (b"other", QUESTION),
        (None, QUESTION),
        (b"key", ("ListThings", "group", False)),
        (b"key", ("ListThings", "grou", "p", True)),
        (b"key", ("ListOthers", "group", True)),
    ],
)
def test_another_key_or_question_does_not_open(key: bytes | None, question: tuple[object]) -> None:
    token = PageTokens(b"key").seal(QUESTION, "C1")
    with pytest.raises(ValidationError, match="NextToken"):
        PageTokens(key).open(question, token)


def test_a_forged_token_does_not_open() -> None:
    tokens = PageTokens(b"key")
    token = tokens.seal(QUESTION, "C1")
    sealed = base64.urlsafe_b64decode(token)
    forged = [sealed[:-1], sealed + b"1", bytes([sealed[0] ^ 1]) + sealed[1:], b"", sealed[:16]]
    forged += [sealed[:index] + b"?" + sealed[index + 1 :] for index in range(len(sealed))]
    texts = [base64.urlsafe_b64encode(one).decode() for one in forged if one != sealed]
    for text in [*texts, "x", "=", "é", "a b", token + "\n", token[:-1]]:
        with pytest.raises(ValidationError, match="NextToken"):
            tokens.open(QUESTION, text)


def test_tokens_of_other_listings_are_refused(groups: Bench) -> None:
    for name in ("both", "v2"):
        for number in range(3):
            made = record(id=str(number), time="2025-06-15T12:00:00Z")
            groups.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=made)
    asked = {"FeatureGroupName": "both", "MaxResults": 1}
    token = groups.send(RUNTIME, "ListRecords", **asked).parsed["NextToken"]
    assert groups.send(RUNTIME, "ListRecords", **asked, NextToken=token).status == 200
    for other in ({"FeatureGroupName": "v2"}, {**asked, "IncludeSoftDeletedRecords": True}):
        refused = groups.send(RUNTIME, "ListRecords", **other, NextToken=token)
        assert (refused.status, refused.code) == (400, "ValidationError")
        assert token[:32] in refused.message
    refused = groups.send(SAGEMAKER, "ListFeatureGroups", NextToken=token)
    assert (refused.status, refused.code) == (400, "ValidationException")
