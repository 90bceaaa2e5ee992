"""Definitions: what the wire's tests do not reach."""

from dataclasses import replace

import pytest

from tandem.errors import ValidationError
from tandem.model.definition import check_definition
from tandem.model.feature_group import (
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    TableFormat,
)


def group(s3_uri: str) -> FeatureGroup:
    return FeatureGroup(
        name="g",
        group_id="g-1",
        record_identifier_name="id",
        event_time_name="id",  # one String feature may be both
        features=(FeatureDefinition("id", FeatureType.STRING),),
        created_at_us=1,
        modified_at_us=1,
        offline=OfflineStoreConfig(s3_uri),
        role_arn="arn:aws:iam::123456789:role/nine-digits",
    )


@pytest.mark.parametrize("s3_uri", ["s3://bucket", "s3://b/prefix/", "s3://b/a=b,c", "s3://é/p"])
def test_places_that_are_taken(s3_uri: str) -> None:
    check_definition(group(s3_uri))


@pytest.mark.parametrize(
    "s3_uri",
    [
        "",
        "bucket/prefix",
        "s3://",
        "s3:///prefix",
        "s3://b/../../etc",
        "s3://../b",
        "s3://b/./x",
        "s3://b/a*b",
        "s3://b/[x]",
        "s3://b/\\..\\x",
        "s3://b/a b",
        "s3://b/\0",
        "s3://b/\x1b",
        "s3://b/" + "x" * 1_024,
    ],
)
def test_places_that_are_refused_are_named(s3_uri: str) -> None:
    with pytest.raises(ValidationError, match="S3Uri"):
        check_definition(group(s3_uri))


@pytest.mark.parametrize("key", ["", "k", "alias/a_b-c", "arn:aws:kms:us-east-1:12:key/0f-0f"])
def test_keys_that_are_taken(key: str) -> None:
    check_definition(with_keys_and_catalog(key))


@pytest.mark.parametrize("key", ["a b", "k\n", "é", "k\0", "k=1", "k" * 2_049])
def test_keys_that_are_refused_are_named(key: str) -> None:
    of_both = with_keys_and_catalog(key)
    for one in (of_both, replace(of_both, offline=None)):
        with pytest.raises(ValidationError, match="KmsKeyId"):
            check_definition(one)


@pytest.mark.parametrize("member", ["catalog", "database", "table"])
@pytest.mark.parametrize("name", ["", "a\nb", "t\0", "\x1b[31m", "x" * 256])
def test_names_in_a_catalog_that_are_refused(member: str, name: str) -> None:
    said = {"catalog": "Catalog", "database": "Database", "table": "TableName"}[member]
    with pytest.raises(ValidationError, match=f"{said} .* is not valid"):
        check_definition(with_keys_and_catalog("k", **{member: name}))


def with_keys_and_catalog(key: str, **names: str) -> FeatureGroup:
    catalog = DataCatalog(
        **{"catalog": "AwsDataCatalog", "database": "d", "table": "é\tt", **names}
    )
    return replace(
        group("s3://b"),
        online=OnlineStoreConfig(True, kms_key_id=key),
        offline=OfflineStoreConfig("s3://b", kms_key_id=key, data_catalog=catalog),
    )


@pytest.mark.parametrize("name", ["id_trunc", "Id_Trunc", "write_time_day"])
def test_the_names_of_an_iceberg_tables_partitions_are_reserved(name: str) -> None:
    plain = group("s3://b/p")
    plain = replace(plain, features=(*plain.features, FeatureDefinition(name, FeatureType.STRING)))
    check_definition(plain)
    assert plain.offline is not None
    iceberg = replace(plain, offline=replace(plain.offline, table_format=TableFormat.ICEBERG))
    with pytest.raises(ValidationError, match=f"'{name}' is reserved"):
        check_definition(iceberg)
