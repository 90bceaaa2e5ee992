"""The arguments of `training_set()` and `latest()`, turned into a request."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tandem.errors import ValidationError
from tandem.model.event_time import from_datetime
from tandem.sdk.arguments import (
    checked,
    checked_text,
    checked_texts,
    checked_texts_by_name,
    microseconds,
)
from tandem.service.dataset_request import Bounds, TrainingSetRequest

TimeRange = tuple[datetime | None, datetime | None]


def training_set_request(
    features: Sequence[str] | Mapping[str, str],
    event_time: str,
    keys: Mapping[str, str] | None,
    as_of: datetime | None,
    max_age: timedelta | Mapping[str, timedelta] | None,
    event_time_range: TimeRange | Mapping[str, TimeRange] | None,
) -> TrainingSetRequest:
    """Raises ValidationError, which names the argument."""
    return TrainingSetRequest(
        features=(
            checked_texts_by_name(features, "features")
            if isinstance(features, Mapping)
            else tuple(checked_texts(features, "features"))
        ),
        event_time=checked_text(event_time, "event_time"),
        keys=checked_texts_by_name(keys, "keys") or None,
        as_of_us=None if as_of is None else microseconds(checked(datetime, as_of, "as_of")),
        max_age_seconds=_seconds(max_age),
        event_times=_bounds(event_time_range),
    )


def only_group(features: Sequence[str] | Mapping[str, str]) -> str:
    """The one group that the features are of. Raises ValidationError where there are more."""
    texts = features.values() if isinstance(features, Mapping) else features
    names = list(dict.fromkeys(text.partition(":")[0] for text in texts))
    if len(names) != 1:
        raise ValidationError(
            f"the features are of {len(names)} groups, {names}: say with entities= whose records"
            " are meant, as the name of a group or as a frame"
        )
    return names[0]


def _seconds(
    max_age: timedelta | Mapping[str, timedelta] | None,
) -> float | dict[str, float] | None:
    if max_age is None:
        return None
    if isinstance(max_age, Mapping):
        return {
            name: checked(timedelta, age, f"max_age[{name!r}]").total_seconds()
            for name, age in max_age.items()
        }
    return checked(timedelta, max_age, "max_age").total_seconds()


def _bounds(
    given: TimeRange | Mapping[str, TimeRange] | None,
) -> Bounds | dict[str, Bounds] | None:
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {
            name: _pair(bounds, f"event_time_range[{name!r}]") for name, bounds in given.items()
        }
    return _pair(given, "event_time_range")


def _pair(given: Any, name: str) -> Bounds:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValidationError(f"{name} {given!r:.80} is not valid: give (start, end)")
    start, end = (None if one is None else _nanoseconds(one, name) for one in given)
    return start, end


def _nanoseconds(moment: Any, name: str) -> int:
    found = from_datetime(checked(datetime, moment, name))
    return found.seconds * 1_000_000_000 + found.nanoseconds
