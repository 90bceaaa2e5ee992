"""What the library needs of a store for batch loads, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pyarrow as pa

from tandem.model.batch_load import BatchLoad, LoadStatus
from tandem.service.batch_loads.request import NewBatchLoad


class BatchLoadControl(ABC):
    """Raises `tandem.errors`."""

    @abstractmethod
    def start(self, new: NewBatchLoad) -> BatchLoad: ...

    @abstractmethod
    def find(self, batch_load_id: str) -> BatchLoad: ...

    @abstractmethod
    def all(self, group_name: str | None, status: LoadStatus | None) -> Sequence[BatchLoad]: ...

    @abstractmethod
    def cancel(self, batch_load_id: str) -> BatchLoad: ...

    @abstractmethod
    def failed_rows(self, batch_load_id: str) -> pa.Table | None: ...
