"""Tags of a group and parameters of a feature: the rules for their keys and values.

AWS allows letters, digits and spaces of any script, and a few signs, so that a label can stand in a
policy or a path. Pure checks; each raises ValidationError that names the key.
"""

import unicodedata
from collections.abc import Iterable

from tandem.errors import ValidationError
from tandem.model import limits

_SIGNS = frozenset("_.:/=+-")
_TAG_SIGNS = _SIGNS | {"@"}
_RESERVED_PREFIX = "aws:"


def check_tags(tags: Iterable[tuple[str, str]]) -> None:
    pairs = list(tags)
    if len(pairs) > limits.TAGS_PER_GROUP_MAX:
        raise ValidationError(
            f"{len(pairs)} tags; a feature group may have {limits.TAGS_PER_GROUP_MAX}"
        )
    for key, value in pairs:
        check_tag_key(key)
        _check_is_text(f"the value of tag {key!r}", value)
        if len(value) > limits.TAG_VALUE_LENGTH_MAX:
            raise ValidationError(
                f"the value of tag {key!r} has {len(value)} characters;"
                f" {limits.TAG_VALUE_LENGTH_MAX} are allowed"
            )
        _check_characters(f"the value of tag {key!r}", value, _TAG_SIGNS)
        if key.lower().startswith(_RESERVED_PREFIX):
            raise ValidationError(f"tag key {key!r} is reserved: do not begin with 'aws:'")


def check_tag_key(key: str) -> None:
    _check_is_text("a tag key", key)
    if not 1 <= len(key) <= limits.TAG_KEY_LENGTH_MAX:
        raise ValidationError(
            f"tag key {key[:64]!r} is not valid: 1 to {limits.TAG_KEY_LENGTH_MAX} characters"
        )
    _check_characters(f"tag key {key!r}", key, _TAG_SIGNS)


def check_parameters(parameters: Iterable[tuple[str, str]]) -> None:
    for key, value in parameters:
        check_parameter_key(key)
        _check_is_text(f"the value of parameter {key!r}", value)
        if not 1 <= len(value) <= limits.FEATURE_PARAMETER_LENGTH_MAX:
            raise ValidationError(
                f"the value of parameter {key!r} has {len(value)} characters;"
                f" 1 to {limits.FEATURE_PARAMETER_LENGTH_MAX} are allowed"
            )
        _check_characters(f"the value of parameter {key!r}", value, _SIGNS)


def check_parameter_key(key: str) -> None:
    _check_is_text("a parameter key", key)
    if not 1 <= len(key) <= limits.FEATURE_PARAMETER_LENGTH_MAX:
        raise ValidationError(
            f"parameter key {key[:64]!r} is not valid:"
            f" 1 to {limits.FEATURE_PARAMETER_LENGTH_MAX} characters"
        )
    _check_characters(f"parameter key {key!r}", key, _SIGNS)


def _check_is_text(what: str, value: object) -> None:
    # A caller in Python may give anything; a list of letters would pass for a text below.
    if not isinstance(value, str):
        raise ValidationError(f"{what} is {value!r:.80}, which is not a text")


def _check_characters(what: str, text: str, signs: frozenset[str]) -> None:
    # The categories L, N and Z: letters, digits and spaces of any script.
    strange = sorted(
        {sign for sign in text if sign not in signs and unicodedata.category(sign)[0] not in "LNZ"}
    )
    if strange:
        raise ValidationError(
            f"{what} holds {strange}: letters, digits, spaces and {''.join(sorted(signs))}"
            " are allowed"
        )
