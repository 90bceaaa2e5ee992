"""The life of a request of S3, as one flat list.

    address       which bucket and key, from host and path
    admit         the signature, the owner that is expected, a presigned URL that is still good
    operation     by method, by what the address names, and by the subresource in the query
    perform       the store works in threads; bodies are streamed both ways
    answer        an error becomes XML, with S3's code; one to HEAD has no body

Without an authenticator, signatures are not looked at.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from tandem.errors import AccessForbidden, TandemError
from tandem.offline.objects.store import ObjectStore
from tandem.offline.objects.uploads import Uploads
from tandem.service.placement import Account
from tandem.wire.error_table import MethodNotAllowed
from tandem.wire.presented_signature import PRESIGNED_SECONDS_MAX
from tandem.wire.s3.address import address_of, query_members
from tandem.wire.s3.authentication import S3Authenticator
from tandem.wire.s3.bucket_settings import SETTINGS, BucketSettings
from tandem.wire.s3.buckets import BucketOperations, check_version
from tandem.wire.s3.conditions import whole_number
from tandem.wire.s3.copies import Copies
from tandem.wire.s3.errors import (
    INTERNAL_ERROR,
    InvalidArgument,
    InvalidRange,
    NotImplementedHere,
    NotModified,
    code_and_status,
    from_system,
)
from tandem.wire.s3.http import Call, S3Request, S3Response
from tandem.wire.s3.listing import Listings
from tandem.wire.s3.multipart import Multipart
from tandem.wire.s3.object_headers import Header
from tandem.wire.s3.objects import Objects
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Element, error_document

Operation = Callable[[Call], Awaitable[S3Response]]

_MESSAGE_LENGTH_MAX = 2_048
_REFUSED = (
    "legal-hold", "retention", "torrent", "restore", "select", "renameObject", "annotation",
    "analytics", "inventory", "metrics", "intelligent-tiering", "metadataConfiguration",
    "metadataTable", "session", "abac", "encryption",
)  # fmt: skip
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_log = logging.getLogger(__name__)


class S3Gateway:
    """Answers requests from an object store."""

    def __init__(
        self,
        store: ObjectStore,
        account: Account,
        authenticator: S3Authenticator | None = None,
    ) -> None:
        self._account = account
        self._authenticator = authenticator
        owner: list[Element] = [("ID", account.account_id), ("DisplayName", "tandem")]
        self._threads = threads = Threads()
        uploads = Uploads(store)
        self._buckets = BucketOperations(store, threads, account.region, owner)
        self._settings = BucketSettings(store, threads, owner)
        self._listings = Listings(store, threads, owner)
        self._objects = Objects(store, threads)
        self._multipart = Multipart(store, uploads, threads, owner)
        self._copies = Copies(store, uploads, threads)
        self._store = store
        self._bucket_table = self._bucket_operations()
        self._object_table = self._object_operations()

    async def answer(self, request: S3Request) -> S3Response:
        try:
            call = Call(
                request,
                address_of(request.raw_path, request.query, request.headers),
                query_members(request.query),
            )
            self._admit(call)
            response = await self._operation(call)(call)
        except TandemError as error:
            return self.refuse(request, error)
        except OSError as error:
            return self.refuse(request, from_system(error))
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a well-formed answer
            _log.exception("request %s failed", request.request_id)
            message = f"Internal error: the log says more, under request id {request.request_id}"
            return _error(request, INTERNAL_ERROR, message, [])
        response.headers = [*response.headers, *_identity(request)]
        return response

    def refuse(self, request: S3Request, error: TandemError) -> S3Response:
        """The answer to a request that is not done because of `error`."""
        if isinstance(error, NotModified):
            return S3Response(304, [*error.headers, *_identity(request)], b"", 0)
        code = code_and_status(error)
        if code[1] >= 500 and code[1] != 501:
            _log.error("request %s: %s: %s", request.request_id, code[0], error)
        headers: list[Header] = []
        if isinstance(error, InvalidRange):
            headers.append(("content-range", f"bytes */{error.size}"))
        return _error(request, code, str(error)[:_MESSAGE_LENGTH_MAX], headers)

    def close(self) -> None:
        self._threads.close()

    def _admit(self, call: Call) -> None:
        if self._authenticator is not None:
            self._authenticator.admit(call)
        elif "X-Amz-Signature" in call.query or "Signature" in call.query:
            _check_expiry(call.query, datetime.now(UTC))
        account_id = self._account.account_id
        for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
            if call.header(name) not in {"", account_id}:
                raise AccessForbidden(
                    f"{name} is {call.header(name)[:16]!r}, but the owner is {account_id}"
                )
        check_version(call.query.get("versionId", ""))

    def _operation(self, call: Call) -> Operation:
        method = call.request.method
        if not call.bucket:
            table: Mapping[tuple[str, str], Operation] = {("GET", ""): self._buckets.list_all}
            subresource = ""
        else:
            table = self._object_table if call.key else self._bucket_table
            subresource = _subresource(call, table)
        operation = table.get((method, subresource))
        if operation is None:
            known = sorted({known for known, name in table if name == subresource})
            what = (
                f"?{subresource}" if subresource else call.request.raw_path[:128].decode("latin-1")
            )
            raise MethodNotAllowed(f"{method} of {what} is not answered: there is {known}")
        return operation

    def _bucket_operations(self) -> Mapping[tuple[str, str], Operation]:
        table: dict[tuple[str, str], Operation] = {
            ("GET", ""): self._listings.version_1,
            ("GET", "list-type"): self._listings.version_2,
            ("GET", "versions"): self._listings.versions,
            ("GET", "uploads"): self._multipart.list_uploads,
            ("GET", "location"): self._buckets.location,
            ("GET", "policyStatus"): self._settings.policy_status,
            ("HEAD", ""): self._buckets.head,
            ("PUT", ""): self._buckets.create,
            ("DELETE", ""): self._buckets.delete,
            ("POST", "delete"): self._buckets.delete_objects,
        }
        for name in SETTINGS:
            table["GET", name] = partial(self._settings.get, name=name)
            table["PUT", name] = partial(self._settings.put, name=name)
            table["DELETE", name] = partial(self._settings.delete, name=name)
        return table

    def _object_operations(self) -> Mapping[tuple[str, str], Operation]:
        return {
            ("GET", ""): self._objects.get,
            ("HEAD", ""): self._objects.head,
            ("PUT", ""): self._objects.put,
            ("PUT", "copy"): self._copies.copy,
            ("DELETE", ""): self._objects.delete,
            ("GET", "tagging"): self._objects.get_tagging,
            ("PUT", "tagging"): self._objects.put_tagging,
            ("DELETE", "tagging"): self._objects.delete_tagging,
            ("GET", "attributes"): self._objects.attributes,
            ("GET", "acl"): self._object_acl,
            ("POST", "uploads"): self._multipart.create,
            ("PUT", "uploadId"): self._multipart.put_part,
            ("PUT", "uploadId copy"): self._copies.copy_part,
            ("GET", "uploadId"): self._multipart.list_parts,
            ("POST", "uploadId"): self._multipart.complete,
            ("DELETE", "uploadId"): self._multipart.abort,
        }

    async def _object_acl(self, call: Call) -> S3Response:
        await self._threads.run(self._store.info, call.bucket, call.key)
        return S3Response(200, [CONTENT_TYPE], self._settings.acl())


def _subresource(call: Call, table: Mapping[tuple[str, str], Operation]) -> str:
    """What of a bucket or an object is asked for. Raises NotImplementedHere."""
    known = {name for _, name in table}
    found = next((name for name in call.query if name in known), "")
    if not found:
        for name in _REFUSED:
            if name in call.query:
                raise NotImplementedHere(f"?{name} is not supported")
    if found in {"", "uploadId"} and call.key and call.header("x-amz-copy-source"):
        found = f"{found} copy".strip()
    return found


def _check_expiry(query: Mapping[str, str], now: datetime) -> None:
    """Raises AccessForbidden where a presigned URL is not good any more."""
    if "X-Amz-Expires" in query:
        date = query.get("X-Amz-Date", "")
        if not _DATE.fullmatch(date):
            raise InvalidArgument(f"X-Amz-Date {date[:32]!r} is not of the form 20250131T120000Z")
        seconds = whole_number("X-Amz-Expires", query["X-Amz-Expires"], 0, PRESIGNED_SECONDS_MAX)
        try:
            begun = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            until = begun + timedelta(seconds=seconds)
        except (ValueError, OverflowError):
            raise InvalidArgument(f"X-Amz-Date {date!r} is no moment") from None
    elif "Expires" in query:
        until = datetime.fromtimestamp(whole_number("Expires", query["Expires"], 0, 2**37), UTC)
    else:
        return
    if now > until:
        raise AccessForbidden(f"Request has expired: this URL was good until {until:%FT%TZ}")


def _identity(request: S3Request) -> list[Header]:
    return [("x-amz-request-id", request.request_id), ("server", "Tandem")]


def _error(
    request: S3Request, code: tuple[str, int], message: str, headers: list[Header]
) -> S3Response:
    resource = request.raw_path[:1_024].decode("latin-1")
    body = error_document(code[0], message, resource, request.request_id)
    if request.method == "HEAD":
        body = b""
    return S3Response(code[1], [CONTENT_TYPE, *headers, *_identity(request)], body)
