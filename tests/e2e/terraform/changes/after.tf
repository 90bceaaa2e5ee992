# What `before.tf` becomes without being made anew.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "maker" {
  name                 = "changing-feature-maker"
  description          = "After"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200

  tags = {
    step = "after"
  }
}

resource "aws_iam_role_policy" "access" {
  name = "access"
  role = aws_iam_role.maker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = "*"
    }]
  })
}

resource "aws_sagemaker_feature_group" "time_to_live_changed" {
  feature_group_name             = "tf-changes-time-to-live-changed"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true

    ttl_duration {
      unit  = "Minutes"
      value = 2
    }
  }
}

resource "aws_sagemaker_feature_group" "time_to_live_removed" {
  feature_group_name             = "tf-changes-time-to-live-removed"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true
  }
}

resource "aws_sagemaker_feature_group" "time_to_live_added" {
  feature_group_name             = "tf-changes-time-to-live-added"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true

    ttl_duration {
      unit  = "Weeks"
      value = 1
    }
  }
}

resource "aws_sagemaker_feature_group" "provisioned" {
  feature_group_name             = "tf-changes-provisioned"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true
  }

  throughput_config {
    throughput_mode                  = "Provisioned"
    provisioned_write_capacity_units = 1
  }
}

resource "aws_sagemaker_feature_group" "on_demand" {
  feature_group_name             = "tf-changes-on-demand"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true
  }

  throughput_config {
    throughput_mode = "OnDemand"
  }
}

resource "aws_sagemaker_feature_group" "tags" {
  feature_group_name             = "tf-changes-tags"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  online_store_config {
    enable_online_store = true
  }

  tags = {
    changed = "after"
    new     = "now"
    stays   = "so"
  }
}

resource "aws_sagemaker_feature_group" "everything" {
  feature_group_name             = "tf-changes-everything"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = aws_iam_role.maker.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "Fractional"
  }

  feature_definition {
    feature_name = "later"
    feature_type = "Integral"
  }

  online_store_config {
    enable_online_store = true

    ttl_duration {
      unit  = "Days"
      value = 1
    }
  }

  throughput_config {
    throughput_mode                  = "Provisioned"
    provisioned_read_capacity_units  = 1
    provisioned_write_capacity_units = 1
  }

  tags = {
    changed = "after"
  }
}
