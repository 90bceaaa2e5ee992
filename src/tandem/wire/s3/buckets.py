"""Operations on buckets: create, head, list, delete, and many objects deleted at once."""

from tandem.errors import TandemError
from tandem.offline.objects.details import moment
from tandem.offline.objects.errors import BucketExists
from tandem.offline.objects.store import ObjectStore
from tandem.wire.s3.documents import boolean, read_document
from tandem.wire.s3.errors import MalformedXml, NoSuchVersion, code_and_status, from_system
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Element, document, read

_DELETES_MAX = 1_000
_REGION_WITHOUT_A_NAME = "us-east-1"


class BucketOperations:
    def __init__(
        self, store: ObjectStore, threads: Threads, region: str, owner: list[Element]
    ) -> None:
        self._store = store
        self._threads = threads
        self._region = region
        self._owner = owner

    async def list_all(self, call: Call) -> S3Response:
        prefix = call.query.get("prefix", "")
        buckets = await self._threads.run(self._store.buckets.all)
        listed: list[Element] = [
            ("Bucket", [("Name", name), ("CreationDate", moment(created_ns))])
            for name, created_ns in buckets
            if name.startswith(prefix)
        ]
        members: list[Element] = [("Owner", self._owner), ("Buckets", listed)]
        return S3Response(200, [CONTENT_TYPE], document("ListAllMyBucketsResult", members))

    async def create(self, call: Call) -> S3Response:
        body = await read_document(call)
        if body.strip():
            read(body, "CreateBucketConfiguration")
        try:
            await self._threads.run(self._store.buckets.create, call.bucket)
        except BucketExists:
            # So does AWS in its first region, for one's own buckets.
            if self._region != _REGION_WITHOUT_A_NAME:
                raise
        return S3Response(200, [("location", f"/{call.bucket}")])

    async def head(self, call: Call) -> S3Response:
        await self._threads.run(self._store.buckets.folder, call.bucket)
        return S3Response(200, [("x-amz-bucket-region", self._region)])

    async def location(self, call: Call) -> S3Response:
        await self._threads.run(self._store.buckets.folder, call.bucket)
        region = "" if self._region == _REGION_WITHOUT_A_NAME else self._region
        body = document("LocationConstraint", []).decode()
        return S3Response(200, [CONTENT_TYPE], body.replace("></", f">{region}</").encode())

    async def delete(self, call: Call) -> S3Response:
        await self._threads.run(self._store.delete_bucket, call.bucket)
        return S3Response(204)

    async def delete_objects(self, call: Call) -> S3Response:
        request = read(await read_document(call), "Delete")
        wanted = [
            (one.text("Key"), one.text("VersionId", "")) for one in request.children("Object")
        ]
        if not 1 <= len(wanted) <= _DELETES_MAX:
            raise MalformedXml(
                f"{len(wanted)} objects are named: name at least 1 and at most {_DELETES_MAX}"
            )
        is_quiet = boolean("Quiet", request.text("Quiet", "false"))
        results = await self._threads.run(self._delete_each, call.bucket, wanted)
        members = [one for one in results if not (is_quiet and one[0] == "Deleted")]
        return S3Response(200, [CONTENT_TYPE], document("DeleteResult", members))

    def _delete_each(self, bucket: str, wanted: list[tuple[str, str]]) -> list[Element]:
        self._store.buckets.folder(bucket)
        results: list[Element] = []
        for key, version in wanted:
            try:
                check_version(version)
                self._store.delete(bucket, key)
            except (TandemError, OSError) as raised:
                error = from_system(raised) if isinstance(raised, OSError) else raised
                code, _ = code_and_status(error)
                failed: list[Element] = [("Key", key), ("Code", code), ("Message", str(error))]
                results.append(("Error", failed))
            else:
                results.append(("Deleted", [("Key", key)]))
        return results


def check_version(version: str) -> None:
    """Raises NoSuchVersion. "null" is the one version of an object without versions."""
    if version not in {"", "null"}:
        raise NoSuchVersion(f"there are no versions, so none is called {version[:64]!r}")
