"""Feature groups of a store behind HTTP: AWS's operations, and Tandem's own where AWS has none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.feature_group import (
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
)
from tandem.sdk.aws_shapes import (
    create_request,
    feature_definition,
    feature_group,
    feature_metadata,
    tags_json,
    tags_of,
    update_request,
)
from tandem.sdk.control_plane import (
    FeatureControl,
    FoundFeature,
    GroupControl,
    RetiredFeature,
    TagControl,
)
from tandem.sdk.http import Http
from tandem.service.cloning import CloneRequest
from tandem.service.group_creation import NewFeatureGroup

_SEARCH_RESULTS_MAX = 100
_TAG_KEYS_MAX = 50
_ALIASES = "/tandem/aliases"


class RemoteGroups(GroupControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def create(self, new: NewFeatureGroup) -> FeatureGroup:
        self._http.control("CreateFeatureGroup", create_request(new))
        return self.describe(new.name)

    def describe(self, name: str) -> FeatureGroup:
        return feature_group(self._http.control("DescribeFeatureGroup", {"FeatureGroupName": name}))

    def update(self, name: str, update: GroupUpdate) -> FeatureGroup:
        self._http.control("UpdateFeatureGroup", update_request(name, update))
        return self.describe(name)

    def delete(self, name: str) -> None:
        self._http.control("DeleteFeatureGroup", {"FeatureGroupName": name})

    def search(self, expression: Mapping[str, Any]) -> Sequence[FeatureGroup]:
        return [
            feature_group(result["FeatureGroup"])
            for result in _search(self._http, "FeatureGroup", "FeatureGroupName", expression)
        ]

    def clone(self, request: CloneRequest) -> FeatureGroup:
        body: dict[str, Any] = {
            "TargetFeatureGroupName": request.target,
            "FeatureTypes": dict(request.types),
            "TableFormat": request.table_format,
            "StorageType": request.storage_type,
        }
        path = f"/tandem/feature-groups/{quote(request.source, safe='')}/clone"
        self._http.json("POST", path, body)
        return self.describe(request.target)

    def aliases(self) -> Mapping[str, str]:
        answer = self._http.json("GET", _ALIASES)
        return {alias["Alias"]: alias["FeatureGroupName"] for alias in answer["Aliases"]}

    def set_alias(self, alias: str, group_name: str | None) -> None:
        path = f"{_ALIASES}/{quote(alias, safe='')}"
        if group_name is None:
            self._http.json("DELETE", path)
        else:
            self._http.json("PUT", path, {"FeatureGroupName": group_name})


class RemoteFeatures(FeatureControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def search(self, expression: Mapping[str, Any]) -> Sequence[FoundFeature]:
        found = [
            result["FeatureMetadata"]
            for result in _search(self._http, "FeatureMetadata", "FeatureGroupName", expression)
        ]
        return [
            FoundFeature(
                one["FeatureGroupName"],
                one["FeatureName"],
                FeatureType(one["FeatureType"]),
                feature_metadata(one),
            )
            for one in found
        ]

    def describe(self, group_name: str, feature: str) -> FeatureMetadata:
        request = {"FeatureGroupName": group_name, "FeatureName": feature}
        return feature_metadata(self._http.control("DescribeFeatureMetadata", request))

    def update(self, group_name: str, feature: str, update: MetadataUpdate) -> None:
        request: dict[str, Any] = {"FeatureGroupName": group_name, "FeatureName": feature}
        if update.description is not None:
            request["Description"] = update.description
        request["ParameterAdditions"] = tags_json(dict(update.additions))
        request["ParameterRemovals"] = list(update.removals)
        self._http.control("UpdateFeatureMetadata", request)

    def retired(self, group_name: str) -> Sequence[RetiredFeature]:
        answer = self._http.json("GET", _retired_path(group_name))
        return [
            RetiredFeature(
                replace(feature_definition(one), retired_at_us=round(one["RetiredTime"] * 1e6)),
                feature_metadata(one),
            )
            for one in answer["RetiredFeatures"]
        ]

    def retire(self, group_name: str, feature: str) -> None:
        self._http.json("PUT", _retired_path(group_name, feature))

    def restore(self, group_name: str, feature: str) -> None:
        self._http.json("DELETE", _retired_path(group_name, feature))


class RemoteTags(TagControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self, group_name: str) -> Mapping[str, str]:
        answer = self._http.control("ListTags", {"ResourceArn": self._arn(group_name)})
        return tags_of(answer["Tags"])

    def add(self, group_name: str, tags: Mapping[str, str]) -> None:
        request = {"ResourceArn": self._arn(group_name), "Tags": tags_json(tags)}
        self._http.control("AddTags", request)

    def remove(self, group_name: str, keys: Sequence[str]) -> None:
        arn = self._arn(group_name)
        for start in range(0, len(keys), _TAG_KEYS_MAX):
            page = list(keys[start : start + _TAG_KEYS_MAX])
            self._http.control("DeleteTags", {"ResourceArn": arn, "TagKeys": page})

    def _arn(self, group_name: str) -> str:
        answer = self._http.control("DescribeFeatureGroup", {"FeatureGroupName": group_name})
        # Of an alias, its own: whether it may be used here is the server's to say.
        return f"{answer['FeatureGroupArn'].rpartition('/')[0]}/{group_name}"


def _search(
    http: Http, resource: str, sort_by: str, expression: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    request: dict[str, Any] = {
        "Resource": resource,
        "SortBy": sort_by,
        "SortOrder": "Ascending",
        "MaxResults": _SEARCH_RESULTS_MAX,
    }
    if expression:
        request["SearchExpression"] = expression
    results: list[Mapping[str, Any]] = []
    while True:
        page = http.control("Search", request)
        results += page["Results"]
        if not page.get("NextToken"):
            return results
        request["NextToken"] = page["NextToken"]


def _retired_path(name: str, feature: str | None = None) -> str:
    path = f"/tandem/feature-groups/{quote(name, safe='')}/retired-features"
    return path if feature is None else f"{path}/{quote(feature, safe='')}"
