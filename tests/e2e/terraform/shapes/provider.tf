terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

# Where the store is stands in AWS_ENDPOINT_URL.
provider "aws" {
  region = "us-east-1"
}
