"""Copies: of an object, and of a range of one as a part of a multipart upload."""

from base64 import b64encode
from urllib.parse import unquote_to_bytes

from tandem.offline.objects.details import Checksum, Details
from tandem.offline.objects.keys import is_folder
from tandem.offline.objects.staging import StagedFile
from tandem.offline.objects.store import ObjectStore, OpenObject
from tandem.offline.objects.uploads import Uploads
from tandem.wire.s3.address import Address
from tandem.wire.s3.conditions import (
    COPY_PREFIX,
    Span,
    WriteCondition,
    byte_range,
    check_read,
    whole_number,
)
from tandem.wire.s3.errors import InvalidArgument, InvalidRequest, NoSuchVersion
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.object_headers import details_of
from tandem.wire.s3.payload import OBJECT_BYTES_MAX, algorithm_named
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Content, document, quoted

_SOURCE = "x-amz-copy-source"


class Copies:
    def __init__(self, store: ObjectStore, uploads: Uploads, threads: Threads) -> None:
        self._store = store
        self._uploads = uploads
        self._threads = threads

    async def copy(self, call: Call) -> S3Response:
        return await self._threads.run(self._copy, call)

    async def copy_part(self, call: Call) -> S3Response:
        return await self._threads.run(self._copy_part, call)

    def _copy(self, call: Call) -> S3Response:
        source = source_of(call.header(_SOURCE))
        condition = WriteCondition(call.request.headers)
        replaces = _replaces(call, "x-amz-metadata-directive")
        if source == call.address and not replaces:
            raise InvalidRequest(
                "a copy onto itself changes nothing: give x-amz-metadata-directive REPLACE with"
                " other metadata, or copy to another key"
            )
        self._store.check_writable(call.bucket, call.key)
        with self._opened(call, source) as found:
            info = found.info
            if info.size > OBJECT_BYTES_MAX:
                raise InvalidRequest(
                    f"the source is larger than {OBJECT_BYTES_MAX} bytes: copy it in parts"
                )
            if is_folder(call.key) and info.size:
                raise InvalidArgument(
                    f"{call.key[:128]!r} is a folder by its name: it has no bytes"
                )
            given = details_of(call.request.headers)
            details = given if replaces else info.details
            tags = given.tags if _replaces(call, "x-amz-tagging-directive") else info.details.tags
            algorithm = _algorithm(call, info.details.checksum)
            staged = self._store.staging.new_file([algorithm] if algorithm else [])
            try:
                _copy_span(found, staged, Span(0, info.size, is_part=False))
                etag, checksum = _identified(staged, algorithm)
                details = Details(details.headers, details.metadata, tags, checksum)
                copied = self._store.publish(
                    call.bucket,
                    call.key,
                    staged,
                    etag,
                    details,
                    condition,
                    only_new=condition.only_new,
                )
            finally:
                staged.close()
        members: list[tuple[str, Content]] = [
            ("LastModified", copied.modified),
            ("ETag", quoted(etag)),
            *_checksum_members(checksum),
        ]
        return S3Response(200, [CONTENT_TYPE], document("CopyObjectResult", members))

    def _copy_part(self, call: Call) -> S3Response:
        number = whole_number("partNumber", call.query.get("partNumber", ""), 1, 10_000)
        upload = self._uploads.find(call.bucket, call.key, call.query["uploadId"])
        with self._opened(call, source_of(call.header(_SOURCE))) as found:
            header = call.header("x-amz-copy-source-range")
            span = Span(0, found.info.size, is_part=False)
            if header:
                asked = byte_range(header, found.info.size)
                if asked is None:
                    raise InvalidArgument(f"x-amz-copy-source-range {header[:64]!r} is not a range")
                span = asked
            if span.size > OBJECT_BYTES_MAX:
                raise InvalidRequest(f"a part has at most {OBJECT_BYTES_MAX} bytes: copy less")
            staged = self._store.staging.new_file([upload.algorithm] if upload.algorithm else [])
            try:
                _copy_span(found, staged, span)
                part = self._uploads.put_part(upload, number, staged)
                _, checksum = _identified(staged, upload.algorithm)
            finally:
                staged.close()
        members: list[tuple[str, Content]] = [
            ("LastModified", part.modified),
            ("ETag", quoted(part.etag)),
            *_checksum_members(checksum),
        ]
        return S3Response(200, [CONTENT_TYPE], document("CopyPartResult", members))

    def _opened(self, call: Call, source: Address) -> OpenObject:
        found = self._store.open(source.bucket, source.key)
        try:
            check_read(call.request.headers, found.info, COPY_PREFIX)
        except BaseException:
            found.close()
            raise
        return found


def source_of(header: str) -> Address:
    """Raises InvalidArgument, NoSuchVersion."""
    path, _, version = header.partition("?versionId=")
    if version not in {"", "null"}:
        raise NoSuchVersion(f"there are no versions, so none is called {version[:64]!r}")
    try:
        decoded = unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise InvalidArgument(f"x-amz-copy-source {header[:64]!r} is not UTF-8") from None
    bucket, _, key = decoded.removeprefix("/").partition("/")
    if not bucket or not key:
        raise InvalidArgument(f"x-amz-copy-source {header[:128]!r} is not of the form bucket/key")
    return Address(bucket, key)


def _replaces(call: Call, name: str) -> bool:
    directive = call.header(name) or "COPY"
    if directive not in {"COPY", "REPLACE"}:
        raise InvalidArgument(f"{name} {directive[:32]!r} is neither COPY nor REPLACE")
    return directive == "REPLACE"


def _algorithm(call: Call, checksum: Checksum | None) -> str:
    if asked := call.header("x-amz-checksum-algorithm"):
        return algorithm_named(asked)
    return checksum.algorithm if checksum else ""


def _copy_span(found: OpenObject, staged: StagedFile, span: Span) -> None:
    if found.descriptor is not None:
        staged.copy(found.descriptor, span.start, span.size)


def _identified(staged: StagedFile, algorithm: str) -> tuple[str, Checksum | None]:
    """The ETag and the checksum of what was written."""
    digests = staged.finish()
    checksum = None
    if algorithm:
        checksum = Checksum(algorithm, b64encode(digests[algorithm]).decode())
    return digests["MD5"].hex(), checksum


def _checksum_members(checksum: Checksum | None) -> list[tuple[str, Content]]:
    return [(f"Checksum{checksum.algorithm}", checksum.value)] if checksum else []
