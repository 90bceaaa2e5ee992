"""Arguments as Python programs give them, turned into values of the model.

Raises ValidationError, which names the argument, where one is of the wrong kind.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.definition import check_feature_name, check_group_name
from tandem.model.event_time import from_datetime
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.model.targets import TARGET_STORES_BY_NAME, TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.rows.feature_values import infer_features
from tandem.sdk.frames import to_arrow

_Choice = TypeVar("_Choice", bound=StrEnum)
_Kind = TypeVar("_Kind")
_TTL = re.compile(r"([0-9]{1,12})\s*(second|minute|hour|day|week)s?", re.IGNORECASE)


def definitions(
    features: Any, event_time: str, types: Mapping[str, str] | None = None
) -> tuple[FeatureDefinition, ...]:
    """Features from a schema, a mapping of name to type, definitions, or the columns of a frame.

    `types` are the types of some of them, whatever the columns suggest.
    """
    found = _definitions(features, event_time)
    given = checked_texts_by_name(types, "types")
    wanted = {name: _feature_type(kind, name) for name, kind in given.items()}
    names = [feature.name for feature in found]
    for name in wanted:
        if name not in names:
            raise ValidationError(f"types names {name!r}, which is no feature; there are {names}")
    return tuple(replace(feature, type=wanted.get(feature.name, feature.type)) for feature in found)


def _definitions(features: Any, event_time: str) -> tuple[FeatureDefinition, ...]:
    if isinstance(features, pa.Schema):
        return infer_features(features, event_time)
    if isinstance(features, Mapping) and all(isinstance(kind, str) for kind in features.values()):
        return tuple(
            FeatureDefinition(checked_text(name, "a feature name"), _feature_type(kind, name))
            for name, kind in features.items()
        )
    if isinstance(features, list | tuple) and all(
        isinstance(feature, FeatureDefinition) for feature in features
    ):
        return tuple(features)
    return infer_features(to_arrow(features).schema, event_time)


def _feature_type(kind: str, name: str) -> FeatureType:
    return choice(FeatureType, kind, f"the type of feature {name!r}")


def checked(kind: type, value: _Kind, name: str) -> _Kind:
    # pandas' NaT passes for a datetime, and is no moment; nothing else here differs from itself.
    if not isinstance(value, kind) or (kind is datetime and value != value):
        raise ValidationError(f"{name} {value!r:.80} is not valid: give a {kind.__name__.lower()}")
    return value


def checked_sequence(values: Sequence[Any], name: str) -> Sequence[Any]:
    """`values`, where they are several; one text is not taken for its letters."""
    if isinstance(values, str | bytes | bytearray):
        raise ValidationError(f"{name} {values!r:.80} is not valid: give a sequence, not one text")
    return checked(Sequence, values, name)


def checked_text(value: str, name: str) -> str:
    """`value`, where it is a text that can be sent and stored."""
    if not isinstance(value, str):
        raise ValidationError(f"{name} {value!r:.80} is not valid: give a text")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError(
            f"{name} {value!r:.80} holds half a character: give it whole"
        ) from None
    return value


def checked_texts(values: Iterable[str], name: str) -> list[str]:
    """`values`, where they are several texts; one text is not taken for its letters."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ValidationError(f"{name} {values!r:.80} is not valid: give a list of texts")
    return [checked_text(value, f"one of {name},") for value in values]


def checked_texts_by_name(values: Mapping[str, str] | None, name: str) -> dict[str, str]:
    """`values`, where they are texts by name; None are none."""
    given = {} if values is None else checked(Mapping, values, name)
    return {
        checked_text(key, f"a key of {name},"): checked_text(
            value, f"{key!r:.80} in {name} with the value"
        )
        for key, value in given.items()
    }


def checked_units(value: int | None, name: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValidationError(f"{name} {value!r:.80} is not valid: give a whole number")
    return value


def checked_flag(value: bool, name: str) -> bool:
    return checked(bool, value, name)


def checked_feature_name(name: str) -> str:
    """`name`, where it can be the name of a feature. Raises ValidationError."""
    check_feature_name(checked_text(name, "feature"))
    return name


def checked_group_name(name: str, member: str = "name") -> str:
    """`name`, where it can be the name of a feature group or an alias. Raises ValidationError."""
    check_group_name(checked_text(name, member), member)
    return name


def choice(kind: type[_Choice], value: str, name: str) -> _Choice:
    try:
        return kind(value)
    except (TypeError, ValueError):
        known = [one.value for one in kind]
        raise ValidationError(f"{name} {value!r:.80} is not known: use one of {known}") from None


def ttl_duration(ttl: timedelta | str | None) -> TtlDuration | None:
    """A time to live from a timedelta, or from a text such as "30 days"."""
    if ttl is None:
        return None
    if not isinstance(ttl, str):
        if checked(timedelta, ttl, "ttl").microseconds:
            raise ValidationError(f"ttl {ttl} is not valid: give a whole number of seconds")
        return TtlDuration(TtlUnit.SECONDS, ttl // timedelta(seconds=1))
    found = _TTL.fullmatch(ttl.strip())
    if found is None:
        raise ValidationError(
            f"time to live {ttl[:64]!r} is not a duration: write a whole number of seconds,"
            " minutes, hours, days or weeks, as in '30 days'"
        )
    return TtlDuration(TtlUnit(f"{found[2].capitalize()}s"), int(found[1]))


def target_stores_of(names: Sequence[str] | None) -> TargetStores | None:
    if names is None:
        return None
    if not names:
        raise ValidationError("target_stores is empty: name a store, or leave it out for all")
    targets = TargetStores(0)
    for name in checked_texts(names, "target_stores"):
        if name not in TARGET_STORES_BY_NAME:
            raise ValidationError(
                f"target store {name!r} is not known: use {list(TARGET_STORES_BY_NAME)}"
            )
        targets |= TARGET_STORES_BY_NAME[name]
    return targets


def microseconds(moment: datetime) -> int:
    """Since 1970; without a zone it is UTC."""
    found = from_datetime(moment)
    return found.seconds * 1_000_000 + found.nanoseconds // 1_000
