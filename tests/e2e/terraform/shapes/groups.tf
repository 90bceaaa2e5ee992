# A feature group of each shape that the provider's users write. In most, one feature is both the
# record identifier and the event time, and has hyphens in its name.

resource "aws_sagemaker_feature_group" "basic" {
  feature_group_name             = "tf-shape-basic"
  record_identifier_feature_name = "tf-shape-basic"
  event_time_feature_name        = "tf-shape-basic"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-basic"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
  }
}

resource "aws_sagemaker_feature_group" "description" {
  feature_group_name             = "tf-shape-description"
  record_identifier_feature_name = "tf-shape-description"
  event_time_feature_name        = "tf-shape-description"
  role_arn                       = aws_iam_role.maker.arn
  description                    = "tf-shape-description"

  feature_definition {
    feature_name = "tf-shape-description"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
  }
}

resource "aws_sagemaker_feature_group" "multiple_features" {
  feature_group_name             = "tf-shape-multiple-features"
  record_identifier_feature_name = "tf-shape-multiple-features"
  event_time_feature_name        = "tf-shape-multiple-features"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-multiple-features"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "tf-shape-multiple-features-2"
    feature_type = "Integral"
  }

  online_store_config {
    enable_online_store = true
  }
}

resource "aws_sagemaker_feature_group" "storage_type" {
  feature_group_name             = "tf-shape-storage-type"
  record_identifier_feature_name = "tf-shape-storage-type"
  event_time_feature_name        = "tf-shape-storage-type"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-storage-type"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
    storage_type        = "InMemory"
  }
}

resource "aws_sagemaker_feature_group" "storage_type_standard" {
  feature_group_name             = "tf-shape-storage-type-standard"
  record_identifier_feature_name = "tf-shape-storage-type-standard"
  event_time_feature_name        = "tf-shape-storage-type-standard"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-storage-type-standard"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
    storage_type        = "Standard"
  }
}

resource "aws_sagemaker_feature_group" "collection_type" {
  feature_group_name             = "tf-shape-collection-type"
  record_identifier_feature_name = "tf-shape-collection-type"
  event_time_feature_name        = "tf-shape-collection-type"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-collection-type"
    feature_type = "String"
  }

  feature_definition {
    feature_name    = "items"
    feature_type    = "String"
    collection_type = "List"
  }

  online_store_config {
    enable_online_store = true
    storage_type        = "InMemory"
  }
}

resource "aws_sagemaker_feature_group" "collection_config" {
  feature_group_name             = "tf-shape-collection-config"
  record_identifier_feature_name = "tf-shape-collection-config"
  event_time_feature_name        = "tf-shape-collection-config"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-collection-config"
    feature_type = "String"
  }

  feature_definition {
    feature_name    = "embedding"
    feature_type    = "Fractional"
    collection_type = "Vector"

    collection_config {
      vector_config {
        dimension = 2
      }
    }
  }

  online_store_config {
    enable_online_store = true
    storage_type        = "InMemory"
  }
}

resource "aws_sagemaker_feature_group" "security_config" {
  feature_group_name             = "tf-shape-security-config"
  record_identifier_feature_name = "tf-shape-security-config"
  event_time_feature_name        = "tf-shape-security-config"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-security-config"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true

    security_config {
      kms_key_id = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f"
    }
  }
}

resource "aws_sagemaker_feature_group" "time_to_live" {
  feature_group_name             = "tf-shape-time-to-live"
  record_identifier_feature_name = "tf-shape-time-to-live"
  event_time_feature_name        = "tf-shape-time-to-live"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-time-to-live"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true

    ttl_duration {
      unit  = "Weeks"
      value = 2
    }
  }
}

resource "aws_sagemaker_feature_group" "provisioned" {
  feature_group_name             = "tf-shape-provisioned"
  record_identifier_feature_name = "tf-shape-provisioned"
  event_time_feature_name        = "tf-shape-provisioned"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-provisioned"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
  }

  throughput_config {
    throughput_mode                  = "Provisioned"
    provisioned_read_capacity_units  = 10
    provisioned_write_capacity_units = 5
  }
}

resource "aws_sagemaker_feature_group" "tags" {
  feature_group_name             = "tf-shape-tags"
  record_identifier_feature_name = "tf-shape-tags"
  event_time_feature_name        = "tf-shape-tags"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-tags"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
  }

  tags = {
    Environment = "test"
    "a:b/c"     = ""
  }
}

resource "aws_sagemaker_feature_group" "offline_basic" {
  feature_group_name             = "tf-shape-offline-basic"
  record_identifier_feature_name = "tf-shape-offline-basic"
  event_time_feature_name        = "tf-shape-offline-basic"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-offline-basic"
    feature_type = "String"
  }

  offline_store_config {
    disable_glue_table_creation = true

    s3_storage_config {
      s3_uri = "s3://tf-shapes/prefix/"
    }
  }
}

resource "aws_sagemaker_feature_group" "offline_create_catalog" {
  feature_group_name             = "tf-shape-offline-create-catalog"
  record_identifier_feature_name = "tf-shape-offline-create-catalog"
  event_time_feature_name        = "tf-shape-offline-create-catalog"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-offline-create-catalog"
    feature_type = "String"
  }

  offline_store_config {
    disable_glue_table_creation = false

    s3_storage_config {
      s3_uri = "s3://tf-shapes/prefix/"
    }
  }
}

resource "aws_sagemaker_feature_group" "offline_provided_catalog" {
  feature_group_name             = "tf-shape-offline-provided-catalog"
  record_identifier_feature_name = "tf-shape-offline-provided-catalog"
  event_time_feature_name        = "tf-shape-offline-provided-catalog"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-offline-provided-catalog"
    feature_type = "String"
  }

  offline_store_config {
    disable_glue_table_creation = true

    data_catalog_config {
      catalog    = "AwsDataCatalog"
      database   = "shapes"
      table_name = "provided-table"
    }

    s3_storage_config {
      s3_uri = "s3://tf-shapes/prefix/"
    }
  }
}

resource "aws_sagemaker_feature_group" "offline_iceberg" {
  feature_group_name             = "tf-shape-offline-iceberg"
  record_identifier_feature_name = "tf-shape-offline-iceberg"
  event_time_feature_name        = "tf-shape-offline-iceberg"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "tf-shape-offline-iceberg"
    feature_type = "String"
  }

  offline_store_config {
    table_format = "Iceberg"

    s3_storage_config {
      s3_uri = "s3://tf-shapes/prefix/"
    }
  }
}

resource "aws_sagemaker_feature_group" "both_iceberg" {
  feature_group_name             = "tf-shape-both-iceberg"
  record_identifier_feature_name = "customer_id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "customer_id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "orders"
    feature_type = "Integral"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true

    security_config {
      kms_key_id = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f"
    }
  }

  offline_store_config {
    table_format = "Iceberg"

    s3_storage_config {
      s3_uri     = "s3://tf-shapes/both"
      kms_key_id = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f"
    }
  }
}
