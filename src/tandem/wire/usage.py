"""Usage over HTTP: what feature groups were used for, and what they store.

GET     /tandem/usage?Period=minute|hour&Since=…&Until=…&FeatureGroupName=…
GET     /tandem/feature-groups/{FeatureGroupName}/stored

`Since` and `Until` are whole seconds since 1970. Without a FeatureGroupName it is all groups'.
"""

import asyncio

from tandem.errors import ResourceNotFound
from tandem.model.usage import GroupUsage
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import usage as shapes


class UsageOperations:
    """These read what may be much: they run in threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(self, request: shapes.ListUsageRequest) -> shapes.ListUsageResponse:
        name = request.feature_group_name
        rows = await asyncio.to_thread(
            self._core.usage.of,
            None if name is None else self._name(name),
            request.period,
            int(request.since) * 1_000_000,
            int(request.until) * 1_000_000,
        )
        return shapes.ListUsageResponse(usage=[_period(one) for one in rows])

    async def stored(self, request: shapes.DescribeStoredRequest) -> shapes.DescribeStoredResponse:
        name = self._name(request.feature_group_name)
        found = await asyncio.to_thread(self._core.usage.stored, name)
        return shapes.DescribeStoredResponse(
            online_records=found.online_records,
            online_bytes=found.online_bytes,
            offline_bytes=found.offline_bytes,
        )

    def _name(self, text: str) -> str:
        return feature_group_name(text, self._core.groups.account)


def _period(one: GroupUsage) -> shapes.PeriodUsage:
    row = one.row
    return shapes.PeriodUsage(
        feature_group_name=one.group_name,
        feature_group_id=row.group_id,
        start=row.start_s,
        peak_read_units=row.peaks.read_units,
        peak_write_units=row.peaks.write_units,
        **row.counts._asdict(),
    )


def usage_service(core: Core) -> Service:
    usage = UsageOperations(core)
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="ListUsage",
                method="GET",
                path="/tandem/usage",
                request=shapes.ListUsageRequest,
                query={
                    "Period": "Period",
                    "Since": "Since",
                    "Until": "Until",
                    "FeatureGroupName": "FeatureGroupName",
                },
                perform=usage.list,
                errors=(ResourceNotFound,),
            ),
            Operation(
                name="DescribeStored",
                method="GET",
                path="/tandem/feature-groups/{FeatureGroupName}/stored",
                request=shapes.DescribeStoredRequest,
                perform=usage.stored,
                errors=(ResourceNotFound,),
            ),
        ],
    )
