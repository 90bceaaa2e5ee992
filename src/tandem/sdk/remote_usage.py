"""Usage of a store behind HTTP."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tandem.model.usage import GroupUsage, Peaks, Period, UsageCounts, UsageRow
from tandem.sdk.http import Http
from tandem.sdk.usage_control import UsageControl
from tandem.service.usage import Stored

_MEMBERS = ["".join(part.capitalize() for part in name.split("_")) for name in UsageCounts._fields]


class RemoteUsage(UsageControl):
    def __init__(self, http: Http) -> None:
        self._http = http

    def of(
        self, group_name: str | None, period: Period, since_us: int, until_us: int
    ) -> Sequence[GroupUsage]:
        query = {
            "Period": period.value,
            "Since": str(since_us // 1_000_000),
            "Until": str(-(-until_us // 1_000_000)),
        }
        if group_name is not None:
            query["FeatureGroupName"] = group_name
        answer = self._http.json("GET", f"/tandem/usage?{urlencode(query)}")
        return [_group_usage(one) for one in answer["Usage"]]

    def stored(self, group_name: str) -> Stored:
        path = f"/tandem/feature-groups/{quote(group_name, safe='')}/stored"
        answer = self._http.json("GET", path)
        return Stored(answer["OnlineRecords"], answer["OnlineBytes"], answer["OfflineBytes"])


def _group_usage(one: dict[str, Any]) -> GroupUsage:
    counts = UsageCounts(*(one[member] for member in _MEMBERS))
    peaks = Peaks(one["PeakReadUnits"], one["PeakWriteUnits"])
    row = UsageRow(one["FeatureGroupId"], one["Start"], counts, peaks)
    return GroupUsage(one["FeatureGroupName"], row)
