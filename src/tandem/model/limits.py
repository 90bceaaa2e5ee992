"""The limits of the service, in one place.

Figures are those of the SageMaker service quotas and API reference, so that what fits here also
fits there.
"""

FEATURES_PER_GROUP_MAX = 2_500
FEATURE_NAME_LENGTH_MAX = 64
RECORD_BYTES_MAX = 350 * 1024
RECORD_IDENTIFIER_BYTES_MAX = 2 * 1024
FEATURE_ADDITIONS_MAX = 100
TAGS_PER_GROUP_MAX = 50
TAG_KEY_LENGTH_MAX = 128
TAG_VALUE_LENGTH_MAX = 256
DESCRIPTION_LENGTH_MAX = 128
FEATURE_DESCRIPTION_LENGTH_MAX = 255
FEATURE_PARAMETERS_MAX = 25
FEATURE_PARAMETER_LENGTH_MAX = 255
S3_URI_LENGTH_MAX = 1_024
KMS_KEY_ID_LENGTH_MAX = 2_048
CAPACITY_UNITS_MAX = 10_000_000
VECTOR_DIMENSION_MAX = 8_192
BATCH_GET_IDENTIFIERS_MAX = 100
BATCH_WRITE_ENTRIES_MAX = 25
UPDATE_FEATURES_MAX = 100
LIST_RECORDS_RESULTS_MAX = 100
LIST_GROUPS_RESULTS_MAX = 100
TTL_SECONDS_MAX = 8_000 * 366 * 86_400
"""No event time lies further than this from the last representable moment."""

RESERVED_FEATURE_NAMES = frozenset({"is_deleted", "write_time", "api_invocation_time"})
"""Columns that every history table has; compared without regard to case, as SQL engines do."""
