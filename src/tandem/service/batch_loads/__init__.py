"""Batch loads: files at a location become records, by jobs that survive their process."""

from tandem.service.batch_loads.batch_loads import BatchLoads
from tandem.service.batch_loads.request import NewBatchLoad

__all__ = ["BatchLoads", "NewBatchLoad"]
