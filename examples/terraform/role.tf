data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "history" {
  statement {
    sid       = "Files"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:GetBucketAcl"]
    resources = ["arn:aws:s3:::${var.bucket}", "arn:aws:s3:::${var.bucket}/*"]
  }

  statement {
    sid       = "Tables"
    actions   = ["glue:GetDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "features" {
  name               = "${var.environment}-features"
  description        = "Writes the history of ${var.environment}'s features"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "history" {
  name   = "history"
  role   = aws_iam_role.features.id
  policy = data.aws_iam_policy_document.history.json
}
