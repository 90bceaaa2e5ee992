"""What is set on a bucket: kept and given back, so that SDKs and Terraform find what they wrote.

Nothing of it has an effect: nobody is refused by a policy, nothing is replicated, encrypted or
expired. Versioning alone is refused, since a client that has switched it on relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tandem.offline.objects.errors import NoSuchSetting
from tandem.offline.objects.store import ObjectStore
from tandem.wire.s3.documents import read_document
from tandem.wire.s3.errors import MalformedPolicy, NotImplementedHere, SettingMissing
from tandem.wire.s3.http import Call, S3Response
from tandem.wire.s3.threads import Threads
from tandem.wire.s3.xml import CONTENT_TYPE, Content, Element, document, read

_POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Setting:
    """A subresource of a bucket.

    root      the XML element that it is; empty where it is JSON
    missing   the error's code where it is not set; empty where `root` alone is the answer
    """

    root: str
    missing: str = ""


SETTINGS: Mapping[str, Setting] = {
    "policy": Setting("", "NoSuchBucketPolicy"),
    "replication": Setting("ReplicationConfiguration", "ReplicationConfigurationNotFoundError"),
    "tagging": Setting("Tagging", "NoSuchTagSet"),
    "encryption": Setting(
        "ServerSideEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError"
    ),
    "lifecycle": Setting("LifecycleConfiguration", "NoSuchLifecycleConfiguration"),
    "cors": Setting("CORSConfiguration", "NoSuchCORSConfiguration"),
    "website": Setting("WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
    "publicAccessBlock": Setting(
        "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"
    ),
    "ownershipControls": Setting("OwnershipControls", "OwnershipControlsNotFoundError"),
    "object-lock": Setting("ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
    "logging": Setting("BucketLoggingStatus"),
    "notification": Setting("NotificationConfiguration"),
    "accelerate": Setting("AccelerateConfiguration"),
    "requestPayment": Setting("RequestPaymentConfiguration"),
    "versioning": Setting("VersioningConfiguration"),
    "acl": Setting("AccessControlPolicy"),
}
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


class BucketSettings:
    def __init__(self, store: ObjectStore, threads: Threads, owner: list[Element]) -> None:
        self._buckets = store.buckets
        self._threads = threads
        self._owner = owner

    async def get(self, call: Call, name: str) -> S3Response:
        setting = SETTINGS[name]
        try:
            body = await self._threads.run(self._buckets.setting, call.bucket, name)
        except NoSuchSetting as error:
            if setting.missing:
                raise SettingMissing(str(error), setting.missing) from None
            if name == "acl":
                return S3Response(200, [CONTENT_TYPE], self.acl())
            payer: list[Element] = [("Payer", "BucketOwner")] if name == "requestPayment" else []
            body = document(setting.root, payer)
        content_type = CONTENT_TYPE if setting.root else ("content-type", "application/json")
        return S3Response(200, [content_type], body)

    async def put(self, call: Call, name: str) -> S3Response:
        body = await read_document(call)
        if name == "acl" and not body:
            _check_canned(call.header("x-amz-acl"))
            return S3Response(200)
        root = SETTINGS[name].root
        if not root:
            _check_policy(body)
        else:
            node = read(body, root)
            if name == "versioning" and node.text("Status", "Suspended") != "Suspended":
                raise NotImplementedHere(
                    "versioning cannot be switched on: objects have one version here"
                )
        await self._threads.run(self._buckets.set, call.bucket, name, body)
        return S3Response(204 if name == _POLICY else 200)

    async def delete(self, call: Call, name: str) -> S3Response:
        await self._threads.run(self._buckets.set, call.bucket, name, None)
        return S3Response(204)

    async def policy_status(self, call: Call) -> S3Response:
        await self._threads.run(self._buckets.setting, call.bucket, _POLICY)
        members: list[Element] = [("IsPublic", "FALSE")]
        return S3Response(200, [CONTENT_TYPE], document("PolicyStatus", members))

    def acl(self) -> bytes:
        """The owner may do everything, and there is nobody else."""
        grantee = f'<Grantee xmlns:xsi="{_SCHEMA_INSTANCE}" xsi:type="CanonicalUser">'
        grant: list[Element] = [("Grantee", self._owner), ("Permission", "FULL_CONTROL")]
        members: list[tuple[str, Content]] = [
            ("Owner", self._owner),
            ("AccessControlList", [("Grant", grant)]),
        ]
        body = document("AccessControlPolicy", members).decode()
        return body.replace("<Grantee>", grantee).encode()


def _check_canned(name: str) -> None:
    if name not in {"", "private", "bucket-owner-full-control", "bucket-owner-read"}:
        raise NotImplementedHere(
            f"x-amz-acl {name[:32]!r} would have an effect that is not there: leave it out"
        )


def _check_policy(body: bytes) -> None:
    try:
        policy = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPolicy(f"the policy is not JSON: {error}") from None
    if not isinstance(policy, dict):
        raise MalformedPolicy("the policy is not a JSON object")
