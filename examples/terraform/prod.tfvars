environment  = "prod"
bucket       = "features-prod"
table_format = "Iceberg"
session_days = 30
kms_key_id   = "arn:aws:kms:us-east-1:123456789012:key/5b2ad1f0-0000-4000-8000-000000000000"
