"""What a feature group has where its creator names nothing: nobody but AWS asks for either."""

S3_URI = "s3://tandem"
ROLE_ARN = "arn:aws:iam::000000000000:role/tandem"
