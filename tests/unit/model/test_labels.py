"""Tags and parameters: which keys and values are taken, and what is said of the others."""

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.labels import (
    check_parameter_key,
    check_parameters,
    check_tag_key,
    check_tags,
)

TAKEN = [
    "team",
    "0",
    " ",
    "Käse-Größe",
    "日本語",
    "отдел",
    "١٢٣",
    "a b\u00a0c",
    "_.:/=+-",
    "a/b:c=d+e-f_g.h",
]
REFUSED = {
    "a comma": "a,b",
    "a quote": 'a"b',
    "a backslash": "a\\b",
    "a star": "a*b",
    "a line break": "a\nb",
    "a tab": "a\tb",
    "a null": "a\0b",
    "an escape": "a\x1bb",
    "an emoji": "a\U0001f600b",
    "a combining mark": "e\u0301",
    "a zero-width joiner": "a\u200db",
    "half of a pair": "a\ud800b",
}


@pytest.mark.parametrize("text", [*TAKEN, "a@b", "x" * limits.TAG_KEY_LENGTH_MAX])
def test_tags_that_are_taken(text: str) -> None:
    check_tag_key(text)
    check_tags([(text, text), ("empty", "")])


@pytest.mark.parametrize("text", [*TAKEN, "x" * limits.FEATURE_PARAMETER_LENGTH_MAX])
def test_parameters_that_are_taken(text: str) -> None:
    check_parameter_key(text)
    check_parameters([(text, text)])


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_characters_that_are_refused_are_shown(text: str) -> None:
    sign = next(sign for sign in text if not sign.isascii() or not sign.isalnum())
    shown = re.escape(repr([sign]))
    with pytest.raises(ValidationError, match=rf"tag key .* holds {shown}"):
        check_tag_key(text)
    with pytest.raises(ValidationError, match=rf"the value of tag 'key' holds {shown}"):
        check_tags([("key", text)])
    with pytest.raises(ValidationError, match=rf"parameter key .* holds {shown}"):
        check_parameter_key(text)
    with pytest.raises(ValidationError, match=rf"the value of parameter 'key' holds {shown}"):
        check_parameters([("key", text)])


def test_an_at_sign_is_for_tags_alone() -> None:
    check_tags([("a@b", "c@d")])
    with pytest.raises(ValidationError, match=r"parameter key 'a@b' holds \['@'\]"):
        check_parameters([("a@b", "x")])
    with pytest.raises(ValidationError, match=r"parameter 'a' holds \['@'\]"):
        check_parameters([("a", "c@d")])


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "aWs:", "aws:cloudformation:stack"])
def test_the_prefix_of_aws_is_reserved(key: str) -> None:
    with pytest.raises(ValidationError, match=f"'{key}' is reserved"):
        check_tags([("team", "a"), (key, "x")])
    check_tag_key(key)  # such a tag is not there, so it may be asked away
    check_tags([("laws:x", "aws:x"), ("aws", "x")])


@pytest.mark.parametrize("length", [0, limits.TAG_KEY_LENGTH_MAX + 1, 100_000])
def test_the_length_of_a_tag_key(length: int) -> None:
    with pytest.raises(ValidationError, match="1 to 128 characters") as refused:
        check_tag_key("k" * length)
    assert len(str(refused.value)) < 200


def test_the_length_of_a_tag_value() -> None:
    check_tags([("key", "v" * limits.TAG_VALUE_LENGTH_MAX)])
    with pytest.raises(ValidationError, match=r"tag 'key' has 257 characters; 256 are allowed"):
        check_tags([("key", "v" * (limits.TAG_VALUE_LENGTH_MAX + 1))])


@pytest.mark.parametrize("length", [0, limits.FEATURE_PARAMETER_LENGTH_MAX + 1])
def test_the_length_of_a_parameter(length: int) -> None:
    with pytest.raises(ValidationError, match="1 to 255 characters"):
        check_parameter_key("k" * length)
    with pytest.raises(ValidationError, match=f"parameter 'key' has {length} characters; 1 to 255"):
        check_parameters([("key", "v" * length)])


def test_a_group_has_fifty_tags() -> None:
    tags = [(f"k{number}", "") for number in range(limits.TAGS_PER_GROUP_MAX + 1)]
    check_tags(tags[:-1])
    with pytest.raises(ValidationError, match="51 tags; a feature group may have 50"):
        check_tags(tags)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(min_size=1, max_size=8))
def test_what_a_parameter_takes_is_a_letter_a_digit_a_space_or_a_sign(text: str) -> None:
    """The rule said another way: by the names that Unicode gives its categories."""
    fits = all(
        sign.isalpha()
        or unicodedata.category(sign) in {"Nd", "Nl", "No", "Zs", "Zl", "Zp"}
        or sign in "_.:/=+-"
        for sign in text
    )
    if fits:
        check_parameter_key(text)
    else:
        with pytest.raises(ValidationError, match="parameter key"):
            check_parameter_key(text)
