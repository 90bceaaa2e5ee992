"""Whatever the S3 gateway is sent: never a 500, and nothing outside the buckets is touched."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2e.server_process import ServerProcess

EXAMPLES = int(os.environ.get("TANDEM_FUZZ_EXAMPLES", "300"))
SECRET = b"a secret outside of every bucket"
SIGNED = b"AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, SignedHeaders=host"
ESCAPES = [
    "/box/../secret", "/box/..%2Fsecret", "/box/%2e%2e/%2e%2e/secret", "/../secret", "/..", "/.",
    "/%2e%2e/secret", "/.staging/x", "/.staging", "/box/..", "/box/.", "/box/a/../../../secret",
    "/box//etc/passwd", "/box/%2Fetc%2Fpasswd", "/box/..%5csecret", "/box/link/secret",
    "/box/link", "/box/%00", "/box/a%00b", "/box/..%00/secret", "/box/%2e%2e%2f%2e%2e%2fsecret",
    "/box%2F..%2F..%2Fsecret", "/..%2Fregistry.sqlite", "/box/%c0%ae%c0%ae/secret",
    "/box/_x.partial",
]  # fmt: skip


class Scene:
    """A server with one object in one bucket, beside a secret and a link that leads to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        # Whose file of its own would come while the first examples run.
        alone = {"TANDEM_BACKGROUND_PROCESS": "off"}
        self.server = ServerProcess(self.data, environment=alone)
        client = self.server.client("s3")
        client.create_bucket(Bucket="box")
        client.put_object(Bucket="box", Key="key", Body=b"content")
        (folder / "secret").write_bytes(SECRET)
        (self.data / "secret").write_bytes(SECRET)
        (self.data / "s3" / "secret").write_bytes(SECRET)
        (self.data / "s3" / "box" / "link").symlink_to(folder)
        self.before = self.outside()

    def outside(self) -> dict[str, bytes]:
        """Every file beside the buckets, but for those that the server itself works on."""
        own = {"online", "scratch", "s3.sqlite", "s3.locks", "registry.sqlite", "data.log"}
        own |= {"clones.lock", "workers.lock"}
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and not any(part.startswith(tuple(own)) for part in path.relative_to(self.folder).parts)
            and "s3/box/" not in path.as_posix()
        }

    def send(
        self, method: bytes, target: bytes, body: bytes = b"", *headers: tuple[bytes, bytes]
    ) -> tuple[int, bytes]:
        """One request, written by hand: no client cleans it up. Returns the status and the rest."""
        lines = [b"%s %s HTTP/1.1" % (method, target)]
        named = [(b"host", b"localhost"), (b"authorization", SIGNED), (b"connection", b"close")]
        if not any(name.lower() == b"transfer-encoding" for name, _ in headers):
            named.append((b"content-length", b"%d" % len(body)))
        lines += [b"%s: %s" % header for header in [*named, *headers]]
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = b""
            while data := connection.recv(1 << 16):
                answer += data
        return int(answer.split(b" ", 2)[1]), answer


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("attacks"))
    with made.server:
        yield made
        # A traceback is a fault, whatever the client was told.
        assert "Traceback" not in made.server.log.read_text()


def check(scene: Scene, status: int, answer: bytes) -> None:
    assert status < 500 or status == 501, answer
    assert SECRET not in answer
    assert scene.outside() == scene.before


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_lead_out(scene: Scene, path: str) -> None:
    target = path.encode()
    for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"POST"):
        check(scene, *scene.send(method, target, b"overwritten"))
    copy = (b"x-amz-copy-source", target)
    check(scene, *scene.send(b"PUT", b"/box/copied", b"", copy))
    check(scene, *scene.send(b"PUT", target, b"", (b"x-amz-copy-source", b"box/key")))
    check(scene, *scene.send(b"POST", target + b"?uploads"))
    check(scene, *scene.send(b"GET", b"/box?prefix=" + target.removeprefix(b"/box/")))
    name = path.replace("%00", "&#0;").removeprefix("/box/").encode()
    document = b"<Delete><Object><Key>" + name + b"</Key></Object></Delete>"
    check(scene, *scene.send(b"POST", b"/box?delete", document))


@pytest.mark.parametrize("host", ["..", "...s3.localhost", ".s3.localhost", "%2e%2e.s3.localhost"])
def test_hosts_that_lead_out(scene: Scene, host: str) -> None:
    headers = f"GET /secret HTTP/1.1\r\nhost: {host}\r\nauthorization: {SIGNED.decode()}\r\n"
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=20) as connection:
        connection.sendall(f"{headers}connection: close\r\n\r\n".encode())
        answer = b""
        while data := connection.recv(1 << 16):
            answer += data
    check(scene, int(answer.split(b" ", 2)[1]), answer)


LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<Delete><Object><Key>&b;</Key></Object></Delete>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<Delete><Object><Key>&a;</Key></Object></Delete>"""
BODIES: list[tuple[bytes, bytes, int]] = [
    (b"/box?delete", LAUGHS, 400),
    (b"/box?delete", OUTSIDE, 400),
    (b"/box?delete", b"", 400),
    (b"/box?delete", b"<Delete>", 400),
    (b"/box?delete", b"<Delete/>", 400),
    (b"/box?delete", b"<Other/>", 400),
    (b"/box?delete", b"\xff\xfe<", 400),
    (b"/box?delete", b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1_001 + b"</Delete>", 400),
    (b"/box?delete", b"<a>" * 100_000, 400),
    (b"/box/key?uploadId=none", b"<CompleteMultipartUpload/>", 404),
]


@pytest.mark.parametrize(("target", "body", "status"), BODIES)
def test_documents_that_are_none(scene: Scene, target: bytes, body: bytes, status: int) -> None:
    found, answer = scene.send(b"POST", target, body)
    check(scene, found, answer)
    assert found == status, answer[:500]


HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-md5", b"\xff"), (b"range", b"bytes=\xb2-"), (b"x-amz-copy-source", b"%ff"),
    (b"x-amz-copy-source", b"box/key?versionId=x"), (b"x-amz-decoded-content-length", b"-1"),
    (b"x-amz-content-sha256", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    (b"x-amz-trailer", b"x-amz-checksum-nothing"), (b"x-amz-checksum-crc32", b"\xff\xfe"),
    (b"x-amz-checksum-crc32", b"AA"), (b"x-amz-tagging", b"%ff=1"), (b"x-amz-tagging", b"a&a"),
    (b"x-amz-meta-big", b"x" * 3_000), (b"if-none-match", b"x"), (b"if-match", b"x"),
    (b"if-modified-since", b"Mon, 99 Foo 0000"), (b"x-amz-metadata-directive", b"X"),
    (b"x-amz-expected-bucket-owner", b"you"), (b"authorization", b"AWS4-HMAC-SHA256 Credential="),
    (b"transfer-encoding", b"chunked"), (b"expect", b"100-continue"),
]  # fmt: skip
QUERIES = [
    "max-keys=-1", "max-keys=x", "max-keys=99999999999999999999", "max-keys=%D9%A1", "partNumber=0",
    "partNumber=%00", "uploadId=x&partNumber=1", "uploadId=", "uploads", "list-type=2",
    "list-type=2&continuation-token=%ff", "list-type=2&continuation-token=!!", "encoding-type=x",
    "delimiter=%00", "prefix=%ff", "prefix=..%2F..", "marker=%00&delimiter=%2F", "versions",
    "versionId=null", "versionId=x", "acl", "policy", "tagging", "torrent", "delete", "attributes",
    "X-Amz-Expires=x&X-Amz-Signature=s&X-Amz-Date=99999999T999999Z",
    "Expires=9999999999999&Signature=s",
    "X-Amz-Expires=5&X-Amz-Signature=s&X-Amz-Date=20260230T000000Z",
    "response-content-type=%0d%0ax",
    "response-expires=%E2%82%AC", "a&" * 200, "fetch-owner=maybe&list-type=2", "location", "%ff",
]  # fmt: skip


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"PATCH", b"OPTIONS"]),
    path=st.one_of(
        st.sampled_from(
            ["/", "/box", "/box/key", "/box/new", "/box/key/below", "/none/key", *ESCAPES]
        ),
        st.binary(max_size=12).map(lambda raw: "/box/" + "".join(f"%{byte:02x}" for byte in raw)),
    ),
    queries=st.lists(st.sampled_from(QUERIES), max_size=3),
    headers=st.lists(st.sampled_from(HEADERS), max_size=3, unique_by=lambda header: header[0]),
    body=st.one_of(st.binary(max_size=40), st.just(b"5\r\nhello\r\n0\r\n\r\n"), st.just(LAUGHS)),
)
def test_anything_is_answered_well(
    scene: Scene,
    method: bytes,
    path: str,
    queries: list[str],
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    target = "?".join([path, "&".join(queries)] if queries else [path]).encode()
    if any(name == b"transfer-encoding" for name, _ in headers):
        body = b"5\r\nhello\r\n0\r\n\r\n"
    status, answer = scene.send(method, target, body, *headers)
    check(scene, status, answer)
    head, _, rest = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    assert b"internal" not in rest.lower()
    if b"x-amz-request-id" not in head:
        return  # it was no HTTP, or another protocol's
    if method == b"HEAD" or status in {204, 304}:
        assert rest == b""
    elif status >= 400:
        assert b"<Code>" in rest


def test_an_early_answer_does_not_spoil_the_connection(scene: Scene) -> None:
    """Whoever waits for leave to send a body is answered at once; nothing is read as a request."""
    client: Any = scene.server.client("s3", max_pool_connections=1)
    client.put_object(Bucket="box", Key="early/answer", Body=b"content")
    for _ in range(3):
        with pytest.raises(client.exceptions.ClientError, match="cannot be the path"):
            client.put_object(Bucket="box", Key="a//b", Body=b"GET / HTTP/1.1\r\n\r\n" * 1_000)
        assert client.get_object(Bucket="box", Key="early/answer")["Body"].read()
