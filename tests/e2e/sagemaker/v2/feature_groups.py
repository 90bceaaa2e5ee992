"""Feature groups: made, described, changed, found, tagged, deleted."""

import time

import pandas as pd
import patience  # noqa: F401
import sagemaker
from botocore.exceptions import ClientError
from refusal import refused
from sagemaker.feature_store.feature_definition import (
    FractionalFeatureDefinition,
    IntegralFeatureDefinition,
    ListCollectionType,
    SetCollectionType,
    StringFeatureDefinition,
    VectorCollectionType,
)
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import (
    DataCatalogConfig,
    FeatureParameter,
    Filter,
    FilterOperatorEnum,
    OnlineStoreConfigUpdate,
    OnlineStoreStorageTypeEnum,
    ResourceEnum,
    SearchOperatorEnum,
    SortOrderEnum,
    TableFormatEnum,
    ThroughputConfig,
    ThroughputConfigUpdate,
    ThroughputModeEnum,
    TtlDuration,
)

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
store = FeatureStore(sagemaker_session=session)
frame = pd.DataFrame(
    {
        "id": pd.Series(["a"], dtype="string"),
        "time": [1.7e9],
        "count": [1],
        "rate": pd.Series([0.5], dtype="float32"),
        "name": ["x"],
    }
)


def group(name, definitions=frame):
    made = FeatureGroup(name=f"groups-{name}", sagemaker_session=session)
    if isinstance(definitions, pd.DataFrame):
        made.load_feature_definitions(data_frame=definitions)
    else:
        made.feature_definitions = definitions
    return made


def create(made, s3_uri=f"s3://{bucket}/features", **options):
    answer = made.create(
        s3_uri=s3_uri,
        record_identifier_name="id",
        event_time_feature_name="time",
        role_arn=role,
        **options,
    )
    assert answer["FeatureGroupArn"].endswith(f":feature-group/{made.name}")
    assert made.describe()["FeatureGroupStatus"] == "Created"
    return made.describe()


both = group("both")
described = create(
    both,
    enable_online_store=True,
    description="both stores",
    tags=[{"Key": "team", "Value": "a"}],
    ttl_duration=TtlDuration("Days", 9_000),
    throughput_config=ThroughputConfig(ThroughputModeEnum.PROVISIONED, 10, 5),
)
types = {one["FeatureName"]: one["FeatureType"] for one in described["FeatureDefinitions"]}
assert types == {
    "id": "String", "time": "Fractional", "count": "Integral", "rate": "Fractional",
    "name": "String",
}  # fmt: skip
assert described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].endswith("/data")
assert described["ThroughputConfig"]["ProvisionedReadCapacityUnits"] == 10
assert described["RoleArn"] == role
assert both.list_tags() == [{"Key": "team", "Value": "a"}]
with refused(ClientError, "ResourceInUse"):
    create(both)

both.update([FractionalFeatureDefinition("score"), StringFeatureDefinition("segment")])
both.update(online_store_config=OnlineStoreConfigUpdate(ttl_duration=TtlDuration("Hours", 1)))
both.update(throughput_config=ThroughputConfigUpdate(mode=ThroughputModeEnum.ON_DEMAND))
described = both.describe()
assert described["LastUpdateStatus"]["Status"] == "Successful"
assert [one["FeatureName"] for one in described["FeatureDefinitions"]][-2:] == ["score", "segment"]
assert described["OnlineStoreConfig"]["TtlDuration"] == {"Unit": "Hours", "Value": 1}
assert described["ThroughputConfig"] == {"ThroughputMode": "OnDemand"}

both.update_feature_metadata(
    "rate",
    description="of clicks",
    parameter_additions=[FeatureParameter("unit", "percent"), FeatureParameter("owner", "a")],
)
both.update_feature_metadata("rate", parameter_removals=["owner"])
assert both.describe_feature_metadata("rate")["Description"] == "of clicks"
assert both.list_parameters_for_feature_metadata("rate") == [{"Key": "unit", "Value": "percent"}]

assert (
    create(group("online"), s3_uri=False, enable_online_store=True).get("OfflineStoreConfig")
    is None
)
assert create(group("offline")).get("OnlineStoreConfig") is None
strings = frame.assign(time="2024-01-01T00:00:00Z")
for table_format in TableFormatEnum:
    made = create(group(f"table-{table_format.value}", strings), table_format=table_format)
    assert made["OfflineStoreConfig"]["TableFormat"] == table_format.value
named = create(
    group("catalog"),
    disable_glue_table_creation=True,
    data_catalog_config=DataCatalogConfig("table", "AwsDataCatalog", "database"),
)["OfflineStoreConfig"]
assert named["DisableGlueTableCreation"] is True
assert named["DataCatalogConfig"]["TableName"] == "table"

memory = group(
    "memory",
    [
        StringFeatureDefinition("id"),
        StringFeatureDefinition("time"),
        IntegralFeatureDefinition("list", ListCollectionType()),
        StringFeatureDefinition("set", SetCollectionType()),
        FractionalFeatureDefinition("vector", VectorCollectionType(3)),
    ],
)
described = create(
    memory,
    s3_uri=False,
    enable_online_store=True,
    online_store_storage_type=OnlineStoreStorageTypeEnum.IN_MEMORY,
)
vector = described["FeatureDefinitions"][-1]
assert vector["CollectionConfig"]["VectorConfig"]["Dimension"] == 3

names = store.list_feature_groups(
    name_contains="groups-", sort_by="Name", sort_order="Ascending", max_results=3
)
assert len(names["FeatureGroupSummaries"]) == 3
rest = store.list_feature_groups(
    name_contains="groups-",
    sort_by="Name",
    sort_order="Ascending",
    next_token=names["NextToken"],
)
assert "groups-table-Iceberg" in {one["FeatureGroupName"] for one in rest["FeatureGroupSummaries"]}
found = store.search(
    resource=ResourceEnum.FEATURE_GROUP,
    filters=[
        Filter("FeatureGroupName", "groups-", FilterOperatorEnum.CONTAINS),
        Filter("Tags.team", "a"),
    ],
    operator=SearchOperatorEnum.AND,
    sort_by="FeatureGroupName",
    sort_order=SortOrderEnum.ASCENDING,
)
assert [one["FeatureGroup"]["FeatureGroupName"] for one in found["Results"]] == ["groups-both"]
found = store.search(
    resource=ResourceEnum.FEATURE_METADATA,
    filters=[Filter("Parameters.unit", "percent", FilterOperatorEnum.EQUALS)],
)
assert [one["FeatureMetadata"]["FeatureName"] for one in found["Results"]] == ["rate"]

memory.delete()
with refused(ClientError, "ResourceNotFound"):
    for _ in range(600):
        memory.describe()
        time.sleep(0.1)
