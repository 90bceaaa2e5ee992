"""Operations on multipart uploads."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from urllib.parse import quote

from tandem.errors import TandemError
from tandem.offline.objects.checksums import COMBINABLE
from tandem.offline.objects.details import ObjectInfo, moment
from tandem.offline.objects.store import ObjectStore
from tandem.offline.objects.uploads import COMPOSITE, FULL_OBJECT, Named, Part, Upload, Uploads
from tandem.wire.s3.conditions import WriteCondition, whole_number
from tandem.wire.s3.documents import number, read_document
from tandem.wire.s3.errors import InvalidRequest, code_and_status, from_system
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.object_headers import Header, details_of
from tandem.wire.s3.payload import Payload, algorithm_named
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import (
    CONTENT_TYPE,
    DECLARATION,
    Content,
    Node,
    document,
    error_document,
    quoted,
    read,
    root,
)

_PARTS_MAX = 10_000
_PAGE_MAX = 1_000
_PATIENCE_SECONDS = 5.0
"""After this time the answer begins, and spaces keep the client waiting, as S3 does."""


class Multipart:
    def __init__(
        self,
        store: ObjectStore,
        uploads: Uploads,
        threads: Threads,
        owner: list[tuple[str, Content]],
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._threads = threads
        self._owner = owner

    async def create(self, call: Call) -> S3Response:
        details = details_of(call.request.headers)
        named = call.header("x-amz-checksum-algorithm")
        algorithm = algorithm_named(named) if named else ""
        checksum_type = call.header("x-amz-checksum-type")
        if checksum_type not in {"", COMPOSITE, FULL_OBJECT}:
            raise InvalidRequest(f"x-amz-checksum-type {checksum_type[:32]!r} is not known")
        if checksum_type == FULL_OBJECT and algorithm not in COMBINABLE:
            raise InvalidRequest(f"FULL_OBJECT needs one of {COMBINABLE}: take COMPOSITE")
        upload = await self._threads.run(
            self._uploads.begin, call.bucket, call.key, details, algorithm, checksum_type
        )
        members: list[tuple[str, Content]] = [
            ("Bucket", call.bucket),
            ("Key", call.key),
            ("UploadId", upload.upload_id),
        ]
        headers: list[Header] = [CONTENT_TYPE]
        if algorithm:
            headers += [
                ("x-amz-checksum-algorithm", algorithm),
                ("x-amz-checksum-type", upload.checksum_type),
            ]
        return S3Response(200, headers, document("InitiateMultipartUploadResult", members))

    async def put_part(self, call: Call) -> S3Response:
        part_number = whole_number("partNumber", call.query.get("partNumber", ""), 1, _PARTS_MAX)
        payload = Payload(call.request)
        run = self._threads.run
        upload = await self._find(call)
        algorithms = payload.algorithms | ({upload.algorithm} - {""})
        staged = await run(self._store.staging.new_file, algorithms)
        try:
            await self._threads.write(aiter(payload), staged)
            checksum = payload.check(await run(staged.finish))
            part = await run(self._uploads.put_part, upload, part_number, staged)
        finally:
            await run(staged.close)
        headers: list[Header] = [("etag", quoted(part.etag))]
        if checksum:
            headers.append((f"x-amz-checksum-{checksum.algorithm.lower()}", checksum.value))
        return S3Response(200, headers)

    async def complete(self, call: Call) -> S3Response:
        condition = WriteCondition(call.request.headers)
        upload = await self._find(call)
        named = _named(read(await read_document(call), "CompleteMultipartUpload"), upload.algorithm)
        completing = asyncio.ensure_future(
            self._threads.run(
                self._uploads.complete,
                upload,
                named,
                condition,
                only_new=condition.only_new,
            )
        )
        done, _ = await asyncio.wait({completing}, timeout=_PATIENCE_SECONDS)
        if done:
            body = (DECLARATION + _completed(call, completing.result())).encode()
            return S3Response(200, [CONTENT_TYPE], body)
        return S3Response(200, [CONTENT_TYPE], _waiting(call, completing))

    async def abort(self, call: Call) -> S3Response:
        await self._threads.run(self._uploads.abort, await self._find(call))
        return S3Response(204)

    async def list_parts(self, call: Call) -> S3Response:
        size = whole_number("max-parts", call.query.get("max-parts", "1000"), 0, 10**9)
        after = whole_number(
            "part-number-marker", call.query.get("part-number-marker") or "0", 0, 10**9
        )
        size = min(size, _PAGE_MAX)
        upload = await self._find(call)
        parts = await self._threads.run(self._uploads.parts, upload, after, size + 1)
        shown = parts[:size]
        members: list[tuple[str, Content]] = [
            ("Bucket", call.bucket),
            ("Key", call.key),
            ("UploadId", upload.upload_id),
            ("PartNumberMarker", after),
            ("NextPartNumberMarker", shown[-1].number if shown else 0),
            ("MaxParts", size),
            ("IsTruncated", len(parts) > size),
            ("Initiator", self._owner),
            ("Owner", self._owner),
            ("StorageClass", "STANDARD"),
            ("ChecksumAlgorithm", upload.algorithm or None),
            ("ChecksumType", upload.checksum_type if upload.algorithm else None),
            *(("Part", _part(part, upload)) for part in shown),
        ]
        return S3Response(200, [CONTENT_TYPE], document("ListPartsResult", members))

    async def list_uploads(self, call: Call) -> S3Response:
        query = call.query
        size = whole_number("max-uploads", query.get("max-uploads", "1000"), 0, 10**9)
        size = min(size, _PAGE_MAX)
        key_after, id_after = query.get("key-marker", ""), query.get("upload-id-marker", "")
        if key_after and not id_after:
            id_after = "~"  # behind all uploads of the key, whose ids are hexadecimal
        prefix = query.get("prefix", "")
        found = await self._threads.run(
            self._uploads.all, call.bucket, prefix, (key_after, id_after), size + 1
        )
        shown = found[:size]
        is_url = query.get("encoding-type") == "url"
        last = shown[-1] if len(found) > size and shown else None
        members: list[tuple[str, Content]] = [
            ("Bucket", call.bucket),
            ("KeyMarker", query.get("key-marker", "")),
            ("UploadIdMarker", query.get("upload-id-marker", "")),
            ("NextKeyMarker", _key(last.key, is_url) if last else None),
            ("NextUploadIdMarker", last.upload_id if last else None),
            ("Prefix", _key(prefix, is_url)),
            ("MaxUploads", size),
            ("EncodingType", "url" if is_url else None),
            ("IsTruncated", len(found) > size),
            *(("Upload", self._upload(upload, is_url)) for upload in shown),
        ]
        return S3Response(200, [CONTENT_TYPE], document("ListMultipartUploadsResult", members))

    def _upload(self, upload: Upload, is_url: bool) -> list[tuple[str, Content]]:
        return [
            ("Key", _key(upload.key, is_url)),
            ("UploadId", upload.upload_id),
            ("Initiator", self._owner),
            ("Owner", self._owner),
            ("StorageClass", "STANDARD"),
            ("Initiated", moment(upload.begun_ns)),
        ]

    async def _find(self, call: Call) -> Upload:
        upload_id = call.query.get("uploadId", "")
        return await self._threads.run(self._uploads.find, call.bucket, call.key, upload_id)


def _named(request: Node, algorithm: str) -> list[Named]:
    return [
        Named(
            number("PartNumber", part.text("PartNumber")),
            part.text("ETag", "").strip().strip('"'),
            part.optional(f"Checksum{algorithm}") if algorithm else None,
        )
        for part in request.children("Part")
    ]


def _part(part: Part, upload: Upload) -> list[tuple[str, Content]]:
    members: list[tuple[str, Content]] = [
        ("PartNumber", part.number),
        ("LastModified", part.modified),
        ("ETag", quoted(part.etag)),
        ("Size", part.size),
    ]
    if upload.algorithm and part.checksum:
        members.append((f"Checksum{upload.algorithm}", b64encode(part.checksum).decode()))
    return members


def _completed(call: Call, info: ObjectInfo) -> str:
    checksum = info.details.checksum
    members: list[tuple[str, Content]] = [
        ("Location", f"http://{call.header('host')}/{call.bucket}/{quote(call.key)}"),
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("ETag", quoted(info.etag)),
    ]
    if checksum:
        members += [
            (f"Checksum{checksum.algorithm}", checksum.value),
            ("ChecksumType", checksum.type),
        ]
    return root("CompleteMultipartUploadResult", members)


async def _waiting(call: Call, completing: "asyncio.Future[ObjectInfo]") -> AsyncIterator[bytes]:
    """The answer once there is one, after spaces. An error comes with status 200, as from S3."""
    yield DECLARATION.encode()
    while not completing.done():
        yield b" "
        await asyncio.wait({completing}, timeout=_PATIENCE_SECONDS)
    try:
        yield _completed(call, completing.result()).encode()
    except (TandemError, OSError) as raised:
        error = from_system(raised) if isinstance(raised, OSError) else raised
        code, _ = code_and_status(error)
        body = error_document(code, str(error), f"/{call.bucket}", call.request.request_id)
        yield body.removeprefix(DECLARATION.encode())


def _key(key: str, is_url: bool) -> str:
    return quote(key, safe="/") if is_url else key
