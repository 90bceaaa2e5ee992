"""Shapes of sagemaker-featurestore-runtime: records in and out.

A stored record goes out as it lies in the store: `Raw` bytes that are copied, never decoded.
A FeatureGroupName with a default comes from the path; its request is decoded from the body alone.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Raw

from tandem.model import limits
from tandem.model.time_to_live import TtlUnit
from tandem.service.records import DeletionMode
from tandem.wire.shapes.shape import Shape

_TEXT_LENGTH_MAX = 358_400
_NEXT_TOKEN_LENGTH_MAX = 8_192

Text = Annotated[str, Meta(max_length=_TEXT_LENGTH_MAX)]
FeatureName = Annotated[str, Meta(min_length=1, max_length=limits.FEATURE_NAME_LENGTH_MAX)]
FeatureNames = Annotated[list[FeatureName], Meta(min_length=1)]


class TargetStore(StrEnum):
    ONLINE = "OnlineStore"
    OFFLINE = "OfflineStore"


TargetStoreList = Annotated[list[TargetStore], Meta(min_length=1, max_length=2)]


class ExpirationTimeResponse(StrEnum):
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class TtlDuration(Shape):
    unit: TtlUnit
    value: Annotated[int, Meta(ge=1)]


class FeatureValue(Shape):
    feature_name: FeatureName
    value_as_string: Text | None = None
    value_as_string_list: Annotated[list[Text], Meta(max_length=_TEXT_LENGTH_MAX)] | None = None


Record = Annotated[list[FeatureValue], Meta(min_length=1)]


class PutRecordRequest(Shape):
    record: Record
    target_stores: TargetStoreList | None = None
    ttl_duration: TtlDuration | None = None
    feature_group_name: str = ""


class GetRecordRequest(Shape):
    feature_group_name: str
    record_identifier_value_as_string: Text
    feature_names: FeatureNames | None = None
    expiration_time_response: ExpirationTimeResponse | None = None


class GetRecordResponse(Shape):
    record: Raw | None = None
    expires_at: str | None = None


class DeleteRecordRequest(Shape):
    feature_group_name: str
    record_identifier_value_as_string: Text
    event_time: Text
    target_stores: TargetStoreList | None = None
    deletion_mode: DeletionMode | None = None


class BatchGetRecordIdentifier(Shape):
    feature_group_name: str
    record_identifiers_value_as_string: Annotated[
        list[Text], Meta(min_length=1, max_length=limits.BATCH_GET_IDENTIFIERS_MAX)
    ]
    feature_names: FeatureNames | None = None


class BatchGetRecordRequest(Shape):
    identifiers: Annotated[
        list[BatchGetRecordIdentifier],
        Meta(min_length=1, max_length=limits.BATCH_GET_IDENTIFIERS_MAX),
    ]
    expiration_time_response: ExpirationTimeResponse | None = None


class LargeBatchGetRecordIdentifier(BatchGetRecordIdentifier):
    """As many identifiers as Tandem's own endpoint takes."""

    record_identifiers_value_as_string: Annotated[list[Text], Meta(min_length=1)]


class LargeBatchGetRecordRequest(Shape):
    identifiers: Annotated[
        list[LargeBatchGetRecordIdentifier],
        Meta(min_length=1, max_length=limits.LARGE_BATCH_RECORDS_MAX),
    ]
    expiration_time_response: ExpirationTimeResponse | None = None


class BatchGetRecordResultDetail(Shape):
    feature_group_name: str
    record_identifier_value_as_string: str
    record: Raw
    expires_at: str | None = None


class BatchGetRecordError(Shape):
    feature_group_name: str
    record_identifier_value_as_string: str
    error_code: str
    error_message: str


class BatchGetRecordResponse(Shape):
    records: list[BatchGetRecordResultDetail]
    errors: list[BatchGetRecordError]
    unprocessed_identifiers: list[BatchGetRecordIdentifier]


class BatchWriteRecordEntry(Shape):
    feature_group_name: str
    record: Record
    target_stores: TargetStoreList | None = None
    ttl_duration: TtlDuration | None = None


class BatchWriteRecordRequest(Shape):
    """The entries stay as they were sent: an answer gives those that failed back word for word."""

    entries: Annotated[list[Raw], Meta(min_length=1, max_length=limits.BATCH_WRITE_ENTRIES_MAX)]
    ttl_duration: TtlDuration | None = None


class BatchWriteRecordError(Shape):
    entry: Raw
    error_code: str
    error_message: str


class BatchWriteRecordResponse(Shape):
    errors: list[BatchWriteRecordError]
    unprocessed_entries: list[Raw]


class ListRecordsRequest(Shape):
    max_results: Annotated[int, Meta(ge=1, le=limits.LIST_RECORDS_RESULTS_MAX)] | None = None
    next_token: Annotated[str, Meta(min_length=1, max_length=_NEXT_TOKEN_LENGTH_MAX)] | None = None
    include_soft_deleted_records: bool | None = None
    feature_group_name: str = ""


class ListRecordsResponse(Shape):
    record_identifiers: list[str]
    next_token: str | None = None


class UpdateRecordRequest(Shape):
    record_identifier_value_as_string: Text
    features: Record
    target_stores: TargetStoreList | None = None
    ttl_duration: TtlDuration | None = None
    feature_group_name: str = ""
