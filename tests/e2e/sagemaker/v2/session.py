"""The session: who calls, the default bucket, files to S3 and back."""

import logging
from pathlib import Path

import sagemaker
from sagemaker.s3 import S3Downloader, S3Uploader

logging.getLogger("sagemaker.telemetry").setLevel(logging.DEBUG)
session = sagemaker.Session()
assert session.account_id() == "000000000000"
assert session.boto_region_name == "us-east-1"
role = sagemaker.get_execution_role()
assert role == "arn:aws:iam::000000000000:role/tandem"
assert session.expand_role("tandem") == role
assert session.get_caller_identity_arn() == role

bucket = session.default_bucket()
assert bucket == "sagemaker-us-east-1-000000000000"
assert sagemaker.Session().default_bucket() == bucket  # the second time it is there

folder = Path("files")
(folder / "deep").mkdir(parents=True)
(folder / "a.csv").write_text("1,2\n")
(folder / "deep" / "b.csv").write_text("3,4\n")
uri = session.upload_data(str(folder), key_prefix="uploaded")
assert uri == f"s3://{bucket}/uploaded"
session.download_data("down", bucket, key_prefix="uploaded")
assert Path("down/a.csv").read_text() == "1,2\n"
assert Path("down/deep/b.csv").read_text() == "3,4\n"
assert session.read_s3_file(bucket, "uploaded/a.csv") == "1,2\n"
assert session.list_s3_files(bucket, "uploaded") == ["uploaded/a.csv", "uploaded/deep/b.csv"]
written = session.upload_string_as_file_body("text", bucket, "text/one.txt")
assert written == f"s3://{bucket}/text/one.txt"

copied = S3Uploader.upload(str(folder), f"s3://{bucket}/copied", kms_key="alias/key")
assert S3Downloader.list(copied) == [
    f"s3://{bucket}/copied/a.csv",
    f"s3://{bucket}/copied/deep/b.csv",
]
assert S3Downloader.read_file(f"{copied}/a.csv") == "1,2\n"
S3Downloader.download(copied, "again")
assert Path("again/deep/b.csv").read_text() == "3,4\n"

opted_out = session.sagemaker_config["SageMaker"]["PythonSDK"]["Modules"]["TelemetryOptOut"]
assert opted_out is True
