"""Feature groups: made, described, changed, found, deleted."""

import pandas as pd
import patience  # noqa: F401
from botocore.exceptions import ClientError
from refusal import refused
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import FeatureMetadata
from sagemaker.core.shapes import OnlineStoreConfigUpdate, Tag, ThroughputConfigUpdate
from sagemaker.mlops.feature_store import (
    DataCatalogConfig,
    FeatureGroup,
    FeatureParameter,
    FractionalFeatureDefinition,
    ListCollectionType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    S3StorageConfig,
    StringFeatureDefinition,
    ThroughputConfig,
    TtlDuration,
    VectorCollectionType,
    load_feature_definitions_from_dataframe,
)

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
ONLINE = OnlineStoreConfig(enable_online_store=True)
OFFLINE = OfflineStoreConfig(s3_storage_config=S3StorageConfig(s3_uri=f"s3://{bucket}/features"))
frame = pd.DataFrame(
    {"id": ["a"], "time": [1.7e9], "count": [1], "rate": [0.5], "is_new": [True], "name": ["x"]}
)
definitions = load_feature_definitions_from_dataframe(frame)
assert [one.feature_type for one in definitions] == [
    "String", "Fractional", "Integral", "Fractional", "String", "String"
]  # fmt: skip


def create(name, given=definitions, **options):
    group = FeatureGroup.create(
        feature_group_name=f"groups-v3-{name}",
        record_identifier_feature_name="id",
        event_time_feature_name="time",
        feature_definitions=given,
        role_arn=role,
        **options,
    )
    group.wait_for_status("Created", timeout=60)
    return group


both = create(
    "both",
    online_store_config=OnlineStoreConfig(
        enable_online_store=True,
        ttl_duration=TtlDuration(unit="Days", value=9_000),
        storage_type="Standard_V2",
    ),
    offline_store_config=OFFLINE,
    description="both stores",
    throughput_config=ThroughputConfig(throughput_mode="OnDemand"),
    tags=[Tag(key="team", value="a")],
)
assert both.feature_group_status == "Created"
assert both.online_store_config.storage_type == "Standard_V2"
assert both.offline_store_config.s3_storage_config.resolved_output_s3_uri.endswith("/data")
assert both.offline_store_config.data_catalog_config.database == "sagemaker_featurestore"
by_arn = FeatureGroup.get(feature_group_name=both.feature_group_arn)
assert by_arn.feature_group_name == both.feature_group_name
with refused(ClientError, "ResourceInUse"):
    create("both", online_store_config=ONLINE)

both.update(feature_additions=[FractionalFeatureDefinition("score")])
both.update(
    online_store_config=OnlineStoreConfigUpdate(ttl_duration=TtlDuration(unit="Hours", value=1))
)
both.update(throughput_config=ThroughputConfigUpdate(throughput_mode="OnDemand"))
both.refresh()
assert both.last_update_status.status == "Successful"
assert both.feature_definitions[-1].feature_name == "score"
assert both.online_store_config.ttl_duration.unit == "Hours"

metadata = FeatureMetadata.get(feature_group_name=both.feature_group_name, feature_name="rate")
metadata.update(
    description="of clicks", parameter_additions=[FeatureParameter(key="unit", value="percent")]
)
metadata.refresh()
assert metadata.description == "of clicks"
assert metadata.parameters[0].value == "percent"

create("online", online_store_config=ONLINE)
create("offline", offline_store_config=OFFLINE)
create(
    "catalog",
    offline_store_config=OfflineStoreConfig(
        s3_storage_config=OFFLINE.s3_storage_config,
        disable_glue_table_creation=True,
        data_catalog_config=DataCatalogConfig(
            table_name="table", catalog="AwsDataCatalog", database="database"
        ),
    ),
)
memory = create(
    "memory",
    [
        StringFeatureDefinition("id"),
        FractionalFeatureDefinition("time"),
        StringFeatureDefinition("list", ListCollectionType()),
        FractionalFeatureDefinition("vector", VectorCollectionType(3)),
    ],
    online_store_config=OnlineStoreConfig(enable_online_store=True, storage_type="InMemory"),
)
assert memory.feature_definitions[3].collection_config.vector_config.dimension == 3
listed = FeatureGroup.get_all(name_contains="groups-v3-", sort_by="Name", sort_order="Ascending")
names = [group.feature_group_name.removeprefix("groups-v3-") for group in listed]
assert names == ["both", "catalog", "memory", "offline", "online"]

memory.delete()
memory.wait_for_delete(timeout=60)
with refused(ClientError, "ResourceNotFound"):
    FeatureGroup.get(feature_group_name="groups-v3-memory")
