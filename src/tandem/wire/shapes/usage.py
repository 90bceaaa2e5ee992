"""Shapes of Tandem's own operations: what feature groups were used for, and what they store.

A count's member is called as the metric of AWS is that counts the same.
"""

from typing import Annotated

from msgspec import Meta

from tandem.model.usage import Period
from tandem.wire.shapes.shape import Shape

_Seconds = Annotated[str, Meta(pattern=r"^[0-9]{1,12}$")]


class ListUsageRequest(Shape):
    period: Period
    since: _Seconds
    until: _Seconds
    feature_group_name: str | None = None


class PeriodUsage(Shape, omit_defaults=False):
    feature_group_name: str
    feature_group_id: str
    start: int
    records_read: int
    records_written: int
    consumed_read_requests_units: int
    consumed_write_requests_units: int
    consumed_read_capacity_units: int
    consumed_write_capacity_units: int
    throttled_requests: int
    rows_loaded: int
    load_units: int
    peak_read_units: int
    peak_write_units: int


class ListUsageResponse(Shape):
    usage: list[PeriodUsage]


class DescribeStoredRequest(Shape):
    feature_group_name: str = ""


class DescribeStoredResponse(Shape, omit_defaults=False):
    online_records: int
    online_bytes: int
    offline_bytes: int
