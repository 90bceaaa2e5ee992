variable "environment" {
  type = string
}

variable "offline_table_format" {
  type = string
}

variable "kms_key_arn" {
  type = string
}

variable "offline_store_bucket" {
  type    = string
  default = "article-features"
}

variable "offline_store_bucket_arn" {
  type    = string
  default = "arn:aws:s3:::article-features"
}
