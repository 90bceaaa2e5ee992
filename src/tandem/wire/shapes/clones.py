"""Shapes of Tandem's own operations: clones."""

from tandem.model.feature_group import StorageType, TableFormat
from tandem.wire.shapes.shape import Shape


class CloneFeatureGroupRequest(Shape):
    target_feature_group_name: str
    feature_group_name: str = ""
    feature_types: dict[str, str] | None = None
    table_format: TableFormat | None = None
    storage_type: StorageType | None = None


class CloneFeatureGroupResponse(Shape):
    feature_group_arn: str
    rows: int
    records: int
