"""What the library needs of usage, wherever the store runs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tandem.model.usage import GroupUsage, Period
from tandem.service.usage import Stored


class UsageControl(ABC):
    """Raises `tandem.errors`."""

    @abstractmethod
    def of(
        self, group_name: str | None, period: Period, since_us: int, until_us: int
    ) -> Sequence[GroupUsage]:
        """As `tandem.service.usage.Usage.of`."""

    @abstractmethod
    def stored(self, group_name: str) -> Stored:
        """As `tandem.service.usage.Usage.stored`."""
