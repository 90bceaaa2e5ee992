variable "environment" {
  description = "What the names of groups begin with: dev or prod."
  type        = string
}

variable "region" {
  description = "The region that the store runs as."
  type        = string
  default     = "us-east-1"
}

variable "bucket" {
  description = "Where history lies: a bucket, which here is a folder of the data folder."
  type        = string
}

variable "table_format" {
  description = "Glue (plain Parquet) or Iceberg."
  type        = string
}

variable "kms_key_id" {
  description = "The key that both stores are said to be encrypted with. It is kept, not used."
  type        = string
  default     = null
}

variable "session_days" {
  description = "How long what a customer does now is served."
  type        = number
}
