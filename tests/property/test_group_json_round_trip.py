"""Whatever group the model can hold, the registry gives back."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.model.feature_group import (
    CollectionType,
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.limits import TTL_SECONDS_MAX
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.registry.sql.group_json import decode_group, encode_group

TEXTS = st.text(max_size=40)
NUMBERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
NAMES = st.from_regex(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,20}", fullmatch=True)

FEATURES = st.builds(
    FeatureDefinition,
    name=NAMES,
    type=st.sampled_from(FeatureType),
    collection=st.none() | st.sampled_from(CollectionType),
    vector_dimension=st.none() | st.integers(1, 8_192),
)
DURATIONS = st.builds(
    TtlDuration,
    unit=st.sampled_from(TtlUnit),
    value=st.integers(1, TTL_SECONDS_MAX // 604_800),
)
ONLINE = st.builds(
    OnlineStoreConfig,
    enabled=st.booleans(),
    storage_type=st.none() | st.sampled_from(StorageType),
    ttl=st.none() | DURATIONS,
    kms_key_id=st.none() | TEXTS,
)
OFFLINE = st.builds(
    OfflineStoreConfig,
    s3_uri=TEXTS,
    resolved_uri=TEXTS,
    kms_key_id=st.none() | TEXTS,
    table_format=st.sampled_from(TableFormat),
    disable_glue_table_creation=st.booleans(),
    data_catalog=st.none() | st.builds(DataCatalog, TEXTS, TEXTS, TEXTS),
)
GROUPS = st.builds(
    FeatureGroup,
    name=NAMES,
    group_id=NAMES,
    record_identifier_name=NAMES,
    event_time_name=NAMES,
    features=st.lists(FEATURES, min_size=1, max_size=6).map(tuple),
    created_at_us=NUMBERS,
    modified_at_us=NUMBERS,
    online=st.none() | ONLINE,
    offline=st.none() | OFFLINE,
    throughput=st.builds(
        ThroughputConfig,
        mode=st.sampled_from(ThroughputMode),
        read_units=st.none() | st.integers(0, 10_000_000),
        write_units=st.none() | st.integers(0, 10_000_000),
    ),
    role_arn=st.none() | TEXTS,
    description=st.none() | TEXTS,
    tags=st.dictionaries(TEXTS, TEXTS, max_size=5),
    status=st.sampled_from(FeatureGroupStatus),
    failure_reason=st.none() | TEXTS,
    deleted_at_us=st.none() | NUMBERS,
    revision=st.integers(1, 2**63 - 1),
)


@given(group=GROUPS)
def test_a_group_comes_back_equal(group):
    found = decode_group(encode_group(group))
    assert found == group
    assert list(found.tags.items()) == list(group.tags.items())
    assert type(found.features) is tuple
