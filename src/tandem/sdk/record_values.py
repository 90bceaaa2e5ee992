"""Served records as Python values, by feature name."""

from collections.abc import Callable, Mapping
from typing import Any

from tandem.model.feature_group import FeatureGroup, FeatureType
from tandem.online.features_json import stored_features

_READ: Mapping[FeatureType, Callable[[str], Any]] = {
    FeatureType.STRING: str,
    FeatureType.INTEGRAL: int,
    FeatureType.FRACTIONAL: float,
}


class RecordValues:
    """Reads the records of one version of a group's definition."""

    def __init__(self, group: FeatureGroup) -> None:
        self.group = group
        self._readers = {feature.name: _READ[feature.type] for feature in group.features}

    def read(self, features_json: bytes, *, skips_unknown: bool = False) -> dict[str, Any]:
        """The values of a record. Raises ValueError where one does not fit its type, and KeyError
        where the group has no such feature, unless it is to be skipped.
        """
        readers = self._readers
        values: dict[str, Any] = {}
        for feature in stored_features(features_json):
            name, text = feature.feature_name, feature.value_as_string
            if skips_unknown and name not in readers:
                continue
            read = readers[name]
            if text is not None:
                values[name] = read(text)
            else:
                values[name] = [read(element) for element in feature.value_as_string_list or ()]
        return values
