"""Properties of an Iceberg table through PyIceberg: the Glue catalog, and files in S3."""

import pandas as pd
import patience
from pyiceberg.catalog import load_catalog
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.mlops.feature_store import (
    FeatureGroupManager,
    IcebergProperties,
    OfflineStoreConfig,
    S3StorageConfig,
    ingest_dataframe,
    load_feature_definitions_from_dataframe,
)

session = Session()
bucket = session.default_bucket()
frame = pd.DataFrame(
    {
        "record_id": [f"id-{number}" for number in range(10)],
        "feature_1": [number * 1.5 for number in range(10)],
        "event_time": [f"2024-05-01T00:00:{number:02}Z" for number in range(10)],
    }
)
DELETE, VERSIONS = (
    "write.metadata.delete-after-commit.enabled",
    "write.metadata.previous-versions-max",
)


def create(name, properties):
    group = FeatureGroupManager.create(
        feature_group_name=f"iceberg-v3-{name}",
        record_identifier_feature_name="record_id",
        event_time_feature_name="event_time",
        feature_definitions=load_feature_definitions_from_dataframe(frame),
        role_arn=get_execution_role(),
        offline_store_config=OfflineStoreConfig(
            s3_storage_config=S3StorageConfig(s3_uri=f"s3://{bucket}/features"),
            table_format="Iceberg",
        ),
        iceberg_properties=properties and IcebergProperties(properties=properties),
    )
    group.wait_for_status("Created")
    return group


def properties(group):
    found = FeatureGroupManager.get(
        feature_group_name=group.feature_group_name, include_iceberg_properties=True
    )
    return found.iceberg_properties.properties


given = create("given", {DELETE: "true", VERSIONS: "5"})
found = properties(given)
assert (found[DELETE], found[VERSIONS]) == ("true", "5")
given.update(iceberg_properties=IcebergProperties(properties={VERSIONS: "10"}))
assert properties(given)[VERSIONS] == "10"
assert properties(given)[DELETE] == "true"
plain = FeatureGroupManager.get(feature_group_name=given.feature_group_name)
assert plain.iceberg_properties is None

later = create("later", None)
ingest_dataframe(later.feature_group_name, frame)
later.update(iceberg_properties=IcebergProperties(properties={DELETE: "true"}))
assert properties(later)[DELETE] == "true"

# Deliveries go on after somebody else's commit, and what they deliver is read by PyIceberg itself.
newer = frame.assign(event_time=frame["event_time"].str.replace("05-01", "05-02"))
ingest_dataframe(later.feature_group_name, newer)
config = later.offline_store_config.data_catalog_config
catalog = load_catalog("glue", **{"type": "glue", "client.region": "us-east-1"})
for _ in range(600):
    table = catalog.load_table(f"{config.database}.{config.table_name}")
    rows = table.scan().to_pandas()
    if len(rows) == 20:
        break
    patience.pause()
assert len(rows) == 20
assert sorted(rows["event_time"]) == sorted([*frame["event_time"], *newer["event_time"]])
assert table.properties[DELETE] == "true"
