# What is changed in place: `after.tf` takes the place of this file.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "maker" {
  name                 = "changing-feature-maker"
  description          = "Before"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"

  tags = {
    stage = "before"
  }
}

resource "aws_iam_role_policy" "access" {
  name = "access"
  role = aws_iam_role.maker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
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
      unit  = "Seconds"
      value = 30
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

    ttl_duration {
      unit  = "Days"
      value = 1
    }
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
    throughput_mode = "OnDemand"
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
    throughput_mode                  = "Provisioned"
    provisioned_read_capacity_units  = 3
    provisioned_write_capacity_units = 2
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
    changed = "before"
    gone    = "soon"
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

  online_store_config {
    enable_online_store = true

    ttl_duration {
      unit  = "Hours"
      value = 2
    }
  }

  throughput_config {
    throughput_mode = "OnDemand"
  }

  tags = {
    changed = "before"
  }
}
