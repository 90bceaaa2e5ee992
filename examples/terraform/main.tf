terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

# The store's address and the credentials, which may be any, stand in the environment.
provider "aws" {
  region = var.region
}
