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
  name               = "feature-maker"
  path               = "/teams/"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "maker" {
  role       = aws_iam_role.maker.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSageMakerFeatureStoreAccess"
}
