"""The session: who calls, the default bucket, files to S3 and back."""

from pathlib import Path

from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.mlops.feature_store import get_session_from_role

session = Session()
assert session.account_id() == "000000000000"
role = get_execution_role()
assert role == session.expand_role("tandem") == "arn:aws:iam::000000000000:role/tandem"
bucket = session.default_bucket()
assert bucket == "sagemaker-us-east-1-000000000000"

folder = Path("files")
(folder / "deep").mkdir(parents=True)
(folder / "a.csv").write_text("1,2\n")
(folder / "deep" / "b.csv").write_text("3,4\n")
assert session.upload_data(str(folder), key_prefix="v3") == f"s3://{bucket}/v3"
session.download_data("down", bucket, key_prefix="v3")
assert Path("down/deep/b.csv").read_text() == "3,4\n"
assert session.read_s3_file(bucket, "v3/a.csv") == "1,2\n"
copied = S3Uploader.upload(str(folder), f"s3://{bucket}/v3-copied", sagemaker_session=session)
assert S3Downloader.list(copied, sagemaker_session=session) == [
    f"s3://{bucket}/v3-copied/a.csv",
    f"s3://{bucket}/v3-copied/deep/b.csv",
]
S3Downloader.download(copied, "again", sagemaker_session=session)
assert Path("again/a.csv").read_text() == "1,2\n"

other = get_session_from_role("us-east-1", "arn:aws:iam::000000000000:role/readers")
caller = other.boto_session.client("sts").get_caller_identity()["Arn"]
assert caller.startswith("arn:aws:sts::000000000000:assumed-role/readers/")
assert other.default_bucket() == bucket
