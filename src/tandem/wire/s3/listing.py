"""Listings of a bucket: versions 1 and 2, and "versions", of which each object has one."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from urllib.parse import quote

from tandem.offline.objects.details import ObjectInfo
from tandem.offline.objects.listing import Question
from tandem.offline.objects.store import ObjectStore, Page
from tandem.wire.s3.conditions import whole_number
from tandem.wire.s3.documents import boolean
from tandem.wire.s3.errors import InvalidArgument
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Content, Element, document, quoted

_PAGE_MAX = 1_000


class Listings:
    def __init__(self, store: ObjectStore, threads: Threads, owner: list[Element]) -> None:
        self._store = store
        self._threads = threads
        self._owner = owner

    async def version_1(self, call: Call) -> S3Response:
        asked = _Asked(call)
        marker = call.query.get("marker", "")
        page = await self._page(call, asked, marker)
        is_truncated = page.after is not None
        members: list[Element] = [
            ("Name", call.bucket),
            ("Prefix", asked.written(asked.prefix)),
            ("Marker", asked.written(marker)),
            # Without a delimiter clients go on from the last key; some want it told all the same.
            ("NextMarker", asked.written(page.after) if page.after is not None else None),
            *asked.shape(is_truncated),
            *(("Contents", self._object(one, asked, with_owner=True)) for one in page.objects),
            *asked.common(page.prefixes),
        ]
        return S3Response(200, [CONTENT_TYPE], document("ListBucketResult", members))

    async def version_2(self, call: Call) -> S3Response:
        asked = _Asked(call)
        token = call.query.get("continuation-token")
        start_after = call.query.get("start-after", "")
        page = await self._page(call, asked, start_after if token is None else _opened(token))
        with_owner = boolean("fetch-owner", call.query.get("fetch-owner", ""))
        members: list[Element] = [
            ("Name", call.bucket),
            ("Prefix", asked.written(asked.prefix)),
            ("StartAfter", asked.written(start_after) if start_after else None),
            ("ContinuationToken", token),
            ("NextContinuationToken", None if page.after is None else _sealed(page.after)),
            ("KeyCount", len(page.objects) + len(page.prefixes)),
            *asked.shape(page.after is not None),
            *(("Contents", self._object(one, asked, with_owner)) for one in page.objects),
            *asked.common(page.prefixes),
        ]
        return S3Response(200, [CONTENT_TYPE], document("ListBucketResult", members))

    async def versions(self, call: Call) -> S3Response:
        asked = _Asked(call)
        marker = call.query.get("key-marker", "")
        page = await self._page(call, asked, marker)
        last = page.after
        members: list[Element] = [
            ("Name", call.bucket),
            ("Prefix", asked.written(asked.prefix)),
            ("KeyMarker", asked.written(marker)),
            ("VersionIdMarker", call.query.get("version-id-marker", "")),
            ("NextKeyMarker", asked.written(last) if last is not None else None),
            ("NextVersionIdMarker", "null" if last is not None else None),
            *asked.shape(last is not None),
        ]
        for one in page.objects:
            version: list[Element] = [("VersionId", "null"), ("IsLatest", True)]
            members.append(("Version", version + self._object(one, asked, with_owner=True)))
        members += asked.common(page.prefixes)
        return S3Response(200, [CONTENT_TYPE], document("ListVersionsResult", members))

    async def _page(self, call: Call, asked: "_Asked", after: str) -> Page:
        question = Question(asked.prefix, asked.delimiter, after)
        return await self._threads.run(self._store.page, call.bucket, question, asked.size)

    def _object(self, info: ObjectInfo, asked: "_Asked", with_owner: bool) -> list[Element]:
        return [
            ("Key", asked.written(info.key)),
            ("LastModified", info.modified),
            ("ETag", quoted(info.etag)),
            ("Size", info.size),
            ("StorageClass", "STANDARD"),
            ("Owner", self._owner if with_owner else None),
        ]


class _Asked:
    """What all listings have in common."""

    def __init__(self, call: Call) -> None:
        query = call.query
        self.prefix = query.get("prefix", "")
        self.delimiter = query.get("delimiter", "")
        size = whole_number("max-keys", query.get("max-keys") or str(_PAGE_MAX), 0, 2**31 - 1)
        self.size = min(size, _PAGE_MAX)
        encoding = query.get("encoding-type", "")
        if encoding not in {"", "url"}:
            raise InvalidArgument(f"encoding-type {encoding[:32]!r} is not known: it is url")
        self._is_url = encoding == "url"

    def written(self, key: str) -> str:
        return quote(key, safe="/") if self._is_url else key

    def shape(self, is_truncated: bool) -> list[Element]:
        return [
            ("MaxKeys", self.size),
            ("Delimiter", self.written(self.delimiter) if self.delimiter else None),
            ("EncodingType", "url" if self._is_url else None),
            ("IsTruncated", is_truncated),
        ]

    def common(self, prefixes: Sequence[str]) -> list[Element]:
        content: list[Content] = [[("Prefix", self.written(prefix))] for prefix in prefixes]
        return [("CommonPrefixes", one) for one in content]


def _sealed(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


def _opened(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            f"continuation-token {token[:64]!r} is not valid: give back the one of the page before"
        ) from None
