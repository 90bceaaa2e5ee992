"""Operations on one object: get, head, put, delete, tags, attributes."""

from collections.abc import AsyncIterator

from tandem.offline.objects.details import ObjectInfo
from tandem.offline.objects.store import ObjectStore, OpenObject
from tandem.wire.s3.conditions import WriteCondition, check_read, span_of
from tandem.wire.s3.documents import read_document, tags_of_document
from tandem.wire.s3.errors import InvalidArgument, MissingContentLength
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.object_headers import (
    Header,
    checksum_headers,
    details_of,
    headers_of,
    overridden,
    with_checksum,
    with_tags,
)
from tandem.wire.s3.payload import Payload
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Content, document, quoted

_SMALL_BYTES = 1 << 18


class Objects:
    def __init__(self, store: ObjectStore, threads: Threads) -> None:
        self._store = store
        self._threads = threads

    async def get(self, call: Call) -> S3Response:
        found, content = await self._threads.run(self._open, call)
        try:
            check_read(call.request.headers, found.info)
            span = span_of(call.request.headers, call.query.get("partNumber"), found.info)
            headers = overridden(headers_of(found.info), call.query)
            headers += _extent(call, found.info, span.start, span.size, is_part=span.is_part)
        except BaseException:
            found.close()
            raise
        body: bytes | AsyncIterator[bytes]
        if content is None:
            body = self._threads.read(found, span)
        else:
            body = content[span.start : span.start + span.size]
        return S3Response(206 if span.is_part else 200, headers, body, span.size)

    def _open(self, call: Call) -> tuple[OpenObject, bytes | None]:
        """An object, and its bytes at once where they are few: one way to a thread and back."""
        found = self._store.open(call.bucket, call.key)
        if found.info.size > _SMALL_BYTES:
            return found, None
        with found:
            return found, found.read(0, found.info.size)

    async def head(self, call: Call) -> S3Response:
        info = await self._threads.run(self._store.info, call.bucket, call.key)
        check_read(call.request.headers, info)
        span = span_of(call.request.headers, call.query.get("partNumber"), info)
        headers = overridden(headers_of(info), call.query)
        headers += _extent(call, info, span.start, span.size, is_part=span.is_part)
        return S3Response(206 if span.is_part else 200, headers, b"", span.size)

    async def put(self, call: Call) -> S3Response:
        headers = call.request.headers
        payload = Payload(call.request)
        if payload.size is None and "transfer-encoding" not in headers:
            raise MissingContentLength("say with Content-Length how many bytes follow")
        details = details_of(headers)
        condition = WriteCondition(headers)
        run, store = self._threads.run, self._store
        await run(store.check_writable, call.bucket, call.key)
        staged = await run(store.staging.new_file, payload.algorithms)
        try:
            await self._threads.write(aiter(payload), staged)
            if call.key.endswith("/") and staged.size:
                raise InvalidArgument(
                    f"{call.key[:128]!r} is a folder by its name, which has no bytes: leave the"
                    " last slash out"
                )
            digests = await run(staged.finish)
            checksum = payload.check(digests)
            etag = digests["MD5"].hex()
            info = await run(
                store.publish,
                call.bucket,
                call.key,
                staged,
                etag,
                with_checksum(details, checksum),
                condition,
                only_new=condition.only_new,
            )
        finally:
            await run(staged.close)
        return S3Response(200, [("etag", quoted(etag)), *checksum_headers(info)])

    async def delete(self, call: Call) -> S3Response:
        condition = WriteCondition(call.request.headers)
        await self._threads.run(self._store.delete, call.bucket, call.key, condition)
        return S3Response(204)

    async def get_tagging(self, call: Call) -> S3Response:
        info = await self._threads.run(self._store.info, call.bucket, call.key)
        tags: list[tuple[str, Content]] = [
            ("Tag", [("Key", key), ("Value", value)]) for key, value in info.details.tags.items()
        ]
        return S3Response(200, [CONTENT_TYPE], document("Tagging", [("TagSet", tags)]))

    async def put_tagging(self, call: Call) -> S3Response:
        tags = tags_of_document(await read_document(call))
        await self._change_tags(call, tags)
        return S3Response(200)

    async def delete_tagging(self, call: Call) -> S3Response:
        await self._change_tags(call, {})
        return S3Response(204)

    async def attributes(self, call: Call) -> S3Response:
        info = await self._threads.run(self._store.info, call.bucket, call.key)
        asked = {name.strip() for name in call.header("x-amz-object-attributes").split(",")}
        checksum = info.details.checksum
        described: list[tuple[str, Content]] = []
        if checksum:
            described.append((f"Checksum{checksum.algorithm}", checksum.value))
            described.append(("ChecksumType", checksum.type))
        sizes = info.details.part_sizes
        known: list[tuple[str, Content]] = [
            ("ETag", info.etag),
            ("Checksum", described or None),
            ("ObjectParts", [("TotalPartsCount", len(sizes))] if sizes else None),
            ("StorageClass", "STANDARD"),
            ("ObjectSize", info.size),
        ]
        members = [member for member in known if member[0] in asked]
        headers: list[Header] = [CONTENT_TYPE]
        headers += [header for header in headers_of(info) if header[0] == "last-modified"]
        return S3Response(200, headers, document("GetObjectAttributesResponse", members))

    async def _change_tags(self, call: Call, tags: dict[str, str]) -> None:
        run = self._threads.run
        info = await run(self._store.info, call.bucket, call.key)
        details = with_tags(info.details, tags)
        await run(self._store.change_details, call.bucket, call.key, details)


def _extent(call: Call, info: ObjectInfo, start: int, size: int, *, is_part: bool) -> list[Header]:
    """Which bytes follow, and the checksum where they are all."""
    headers: list[Header] = []
    if is_part:
        headers.append(("content-range", f"bytes {start}-{start + size - 1}/{info.size}"))
    elif call.header("x-amz-checksum-mode").upper() == "ENABLED":
        headers += checksum_headers(info)
    if "partNumber" in call.query and info.details.part_sizes:
        headers.append(("x-amz-mp-parts-count", str(len(info.details.part_sizes))))
    return headers
