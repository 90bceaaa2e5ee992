"""Batch loads of a store in this process."""

from collections.abc import Sequence

import pyarrow as pa

from tandem.model.batch_load import BatchLoad, LoadStatus
from tandem.sdk.batch_load_control import BatchLoadControl
from tandem.service.batch_loads.batch_loads import BatchLoads
from tandem.service.batch_loads.request import NewBatchLoad

_ALL = 1 << 30


class EmbeddedBatchLoads(BatchLoadControl):
    def __init__(self, loads: BatchLoads) -> None:
        self._loads = loads

    def start(self, new: NewBatchLoad) -> BatchLoad:
        return self._loads.start(new)

    def find(self, batch_load_id: str) -> BatchLoad:
        return self._loads.get(batch_load_id)

    def all(self, group_name: str | None, status: LoadStatus | None) -> Sequence[BatchLoad]:
        return self._loads.page(_ALL, group_name=group_name, status=status)

    def cancel(self, batch_load_id: str) -> BatchLoad:
        return self._loads.cancel(batch_load_id)

    def failed_rows(self, batch_load_id: str) -> pa.Table | None:
        return self._loads.failed_rows(batch_load_id)
