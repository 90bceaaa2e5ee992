# A provider that is told where the store is and to ask nobody else, as many test setups do.

variable "endpoint" {
  type = string
}

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    iam       = var.endpoint
    sagemaker = var.endpoint
  }
}

data "aws_iam_role" "caller" {
  name = "tandem"
}

resource "aws_sagemaker_feature_group" "customers" {
  feature_group_name             = "tf-flags-customers"
  record_identifier_feature_name = "id"
  event_time_feature_name        = "moment"
  role_arn                       = data.aws_iam_role.caller.arn

  feature_definition {
    feature_name = "id"
    feature_type = "String"
  }

  feature_definition {
    feature_name = "moment"
    feature_type = "String"
  }

  online_store_config {
    enable_online_store = true
  }
}
