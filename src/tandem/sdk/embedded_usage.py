"""Usage of a store in this process."""

from collections.abc import Sequence

from tandem.assembly.core import Core
from tandem.model.usage import GroupUsage, Period
from tandem.sdk.usage_control import UsageControl
from tandem.service.usage import Stored


class EmbeddedUsage(UsageControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def of(
        self, group_name: str | None, period: Period, since_us: int, until_us: int
    ) -> Sequence[GroupUsage]:
        return self._core.usage.of(group_name, period, since_us, until_us)

    def stored(self, group_name: str) -> Stored:
        return self._core.usage.stored(group_name)
