locals {
  history = "s3://${var.bucket}/${var.environment}/features"
}

# What is known of a customer, for training and for serving.
resource "aws_sagemaker_feature_group" "customers" {
  feature_group_name             = "${var.environment}-customers"
  description                    = "Customers, as of the end of each day"
  record_identifier_feature_name = "customer_id"
  event_time_feature_name        = "observed_at"
  role_arn                       = aws_iam_role.features.arn

  dynamic "feature_definition" {
    for_each = [
      ["customer_id", "String"],
      ["observed_at", "Fractional"],
      ["orders", "Integral"],
      ["average_order", "Fractional"],
      ["country", "String"],
    ]

    content {
      feature_name = feature_definition.value[0]
      feature_type = feature_definition.value[1]
    }
  }

  online_store_config {
    enable_online_store = true

    dynamic "security_config" {
      for_each = var.kms_key_id[*]

      content {
        kms_key_id = security_config.value
      }
    }
  }

  offline_store_config {
    table_format = var.table_format

    s3_storage_config {
      s3_uri     = local.history
      kms_key_id = var.kms_key_id
    }
  }

  tags = {
    Environment = var.environment
    Team        = "growth"
  }
}

# What a customer does now: served for some days, and kept in no history.
resource "aws_sagemaker_feature_group" "sessions" {
  feature_group_name             = "${var.environment}-sessions"
  record_identifier_feature_name = "customer_id"
  event_time_feature_name        = "seen_at"
  role_arn                       = aws_iam_role.features.arn

  feature_definition {
    feature_name = "customer_id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "seen_at"
    feature_type = "String"
  }

  feature_definition {
    feature_name    = "last_viewed"
    feature_type    = "String"
    collection_type = "List"
  }

  online_store_config {
    enable_online_store = true
    storage_type        = "InMemory"

    ttl_duration {
      unit  = "Days"
      value = var.session_days
    }
  }
}

output "customers" {
  value = aws_sagemaker_feature_group.customers.arn
}
