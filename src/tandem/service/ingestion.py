"""Ingestion: many records in one call, from an Arrow table."""

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.targets import TargetStores
from tandem.model.write import Write
from tandem.rows.feature_values import check_column_names, iterate_values
from tandem.service.feature_groups import FeatureGroups
from tandem.service.records import Records

_BATCH_ROWS = 500
"""Rows in one transaction: other writers wait about 25 ms for one."""


class Ingestion:
    def __init__(self, groups: FeatureGroups, records: Records) -> None:
        self._groups = groups
        self._records = records

    def ingest(self, group_name: str, table: pa.Table, targets: TargetStores | None = None) -> int:
        """Puts every row of `table` as a record; returns how many.

        All rows are checked before the first is written; ValidationError names the row (from 0).
        Rows are committed in order, in batches: after StoreUnavailable the first batches may be in.
        """
        group = self._groups.find_for_writing(group_name)
        writes: list[Write] = []
        check_column_names(table.column_names, group.current_features)
        for row, values in enumerate(iterate_values(table, group.features_by_name)):
            try:
                if isinstance(values, ValidationError):
                    raise values
                writes.append(self._records.check_put(group_name, values, targets))
            except ValidationError as error:
                raise ValidationError(f"row {row}: {error}; no row was written") from None
        for start in range(0, len(writes), _BATCH_ROWS):
            self._records.commit(writes[start : start + _BATCH_ROWS]).result()
        return len(writes)
