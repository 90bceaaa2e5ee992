"""Multipart uploads: parts that are kept until they are put together.

* A part is on disk when its upload is answered; so is what is known of it.
* Parts are put together into one staged file, which then becomes the object like any other. A crash
  before that leaves the upload as it was, so it can be completed again.
* The ETag is the MD5 of the parts' MD5s, with "-" and their number.
"""

import secrets
import shutil
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import NamedTuple

import msgspec

from tandem.offline.durable_files import DurableFolders, sync
from tandem.offline.objects.checksums import COMBINABLE, MD5, combined, digest_of
from tandem.offline.objects.details import Checksum, Details, ObjectInfo, moment
from tandem.offline.objects.errors import InvalidPart, InvalidPartOrder, NoSuchUpload, PartTooSmall
from tandem.offline.objects.index import encode_details
from tandem.offline.objects.locks import NamedLocks
from tandem.offline.objects.staging import StagedFile
from tandem.offline.objects.store import Condition, ObjectStore, no_condition

PART_BYTES_MIN = 5 << 20
COMPOSITE = "COMPOSITE"
FULL_OBJECT = "FULL_OBJECT"
_LOCKS = 16
_decode_details = msgspec.json.Decoder(Details).decode


class Upload(NamedTuple):
    """An upload in progress. `algorithm` is empty where no checksum was asked for."""

    upload_id: str
    bucket: str
    key: str
    begun_ns: int
    details: Details
    algorithm: str
    checksum_type: str


class Part(NamedTuple):
    number: int
    size: int
    etag: str
    checksum: bytes
    modified_ns: int
    file: str

    @property
    def modified(self) -> datetime:
        return moment(self.modified_ns)


class Named(NamedTuple):
    """A part as the request to put the upload together names it. Without an ETag, any is meant."""

    number: int
    etag: str
    checksum: str | None = None


class Uploads:
    """Safe to use from many threads and processes: parts of one upload may come to any of them."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._index = store.index
        self._locks = NamedLocks(store.locks / "uploads", _LOCKS)

    def begin(
        self, bucket: str, key: str, details: Details, algorithm: str = "", checksum_type: str = ""
    ) -> Upload:
        self._store.check_writable(bucket, key)
        upload = Upload(
            f"{secrets.token_hex(24)}",
            bucket,
            key,
            time.time_ns(),
            details,
            algorithm,
            checksum_type or (FULL_OBJECT if algorithm in {"", "CRC64NVME"} else COMPOSITE),
        )
        folders = DurableFolders(self._store.staging.folder)
        folders.make_durable(self._folder(upload))
        with self._index.changing() as connection:
            connection.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*upload[:4], encode_details(details), *upload[5:]),
            )
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Raises NoSuchBucket, NoSuchUpload."""
        self._store.buckets.folder(bucket)
        rows = self._index.rows(
            "SELECT * FROM uploads WHERE upload_id = ? AND bucket = ? AND key = ?",
            (upload_id, bucket, key),
        )
        if not rows:
            raise NoSuchUpload(
                f"there is no upload {upload_id[:64]!r} of {key[:256]!r}: it was never begun, or is"
                " completed or aborted"
            )
        return _upload(rows[0])

    def all(self, bucket: str, prefix: str, after: tuple[str, str], size: int) -> list[Upload]:
        """Uploads in the order of key and id, behind the key and id `after`."""
        self._store.buckets.folder(bucket)
        rows = self._index.rows(
            "SELECT * FROM uploads WHERE bucket = ? AND substr(key, 1, ?) = ?"
            " AND (key, upload_id) > (?, ?) ORDER BY key, upload_id LIMIT ?",
            (bucket, len(prefix), prefix, *after, size),
        )
        return [_upload(row) for row in rows]

    def put_part(self, upload: Upload, number: int, staged: StagedFile) -> Part:
        """Makes a staged file the part of this number, in place of an earlier one."""
        staged.seal()
        part = Part(
            number,
            staged.size,
            staged.finish()[MD5].hex(),
            staged.finish().get(upload.algorithm, b""),
            time.time_ns(),
            secrets.token_hex(8),
        )
        with self._locked(upload):
            self.find(upload.bucket, upload.key, upload.upload_id)
            # Under a name of its own, so that the part before stays whole until this one counts.
            staged.path.replace(self._folder(upload) / part.file)
            sync(self._folder(upload))
            old = [one for one in self.parts(upload) if one.number == number]
            with self._index.changing() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (upload.upload_id, *part),
                )
            for one in old:
                (self._folder(upload) / one.file).unlink(missing_ok=True)
        return part

    def parts(self, upload: Upload, after: int = 0, size: int = -1) -> list[Part]:
        rows = self._index.rows(
            "SELECT number, size, etag, checksum, modified_ns, file FROM parts"
            " WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?",
            (upload.upload_id, after, size),
        )
        return [Part(*row) for row in rows]

    def complete(
        self,
        upload: Upload,
        named: Sequence[Named],
        condition: Condition = no_condition,
        *,
        only_new: bool = False,
    ) -> ObjectInfo:
        """Puts the named parts together. The upload ends where this returns, and else stays."""
        with self._locked(upload):
            upload = self.find(upload.bucket, upload.key, upload.upload_id)
            chosen = _chosen(upload, self.parts(upload), named)
            staged = self._store.staging.new_file()
            try:
                for part in chosen:
                    staged.append_file(self._folder(upload) / part.file, part.size)
                info = self._store.publish(
                    upload.bucket,
                    upload.key,
                    staged,
                    _etag(chosen),
                    _details(upload, chosen),
                    condition,
                    only_new=only_new,
                )
            finally:
                staged.close()
            self._end(upload)
        return info

    def abort(self, upload: Upload) -> None:
        with self._locked(upload):
            self._end(upload)

    def _end(self, upload: Upload) -> None:
        with self._index.changing() as connection:
            connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload.upload_id,))
            connection.execute("DELETE FROM parts WHERE upload_id = ?", (upload.upload_id,))
        shutil.rmtree(self._folder(upload), ignore_errors=True)

    def _folder(self, upload: Upload) -> Path:
        return self._store.staging.folder / upload.upload_id

    def _locked(self, upload: Upload) -> AbstractContextManager[None]:
        return self._locks.held(upload.upload_id)


def _upload(row: Sequence[object]) -> Upload:
    values = list(row)
    values[4] = _decode_details(values[4])  # type: ignore[arg-type]
    return Upload(*values)  # type: ignore[arg-type]


def _chosen(upload: Upload, parts: Sequence[Part], named: Sequence[Named]) -> list[Part]:
    """The parts that are meant, once all is as the request says."""
    by_number = {part.number: part for part in parts}
    numbers = [one.number for one in named]
    if not numbers:
        raise InvalidPart("no parts are named: name those that make up the object")
    if numbers != sorted(set(numbers)):
        raise InvalidPartOrder("the parts must be named in ascending order, each of them once")
    chosen = []
    for one in named:
        part = by_number.get(one.number)
        if part is None or one.etag not in {"", part.etag}:
            raise InvalidPart(
                f"part {one.number} with ETag {one.etag[:64]!r} was not uploaded, or has been"
                " replaced: list the parts"
            )
        if one.checksum not in {None, b64encode(part.checksum).decode()} and part.checksum:
            raise InvalidPart(
                f"part {one.number} has another {upload.algorithm} than {one.checksum!r}"
            )
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < PART_BYTES_MIN:
            raise PartTooSmall(
                f"part {part.number} has {part.size} bytes: each part but the last has at least"
                f" {PART_BYTES_MIN}"
            )
    return chosen


def _etag(parts: Sequence[Part]) -> str:
    together = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{md5(together, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _details(upload: Upload, parts: Sequence[Part]) -> Details:
    checksum = None
    algorithm = upload.algorithm
    if algorithm and upload.checksum_type == FULL_OBJECT and algorithm in COMBINABLE:
        value = combined(algorithm, [(part.checksum, part.size) for part in parts])
        checksum = Checksum(algorithm, b64encode(value).decode(), FULL_OBJECT)
    elif algorithm:
        value = digest_of(algorithm, b"".join(part.checksum for part in parts))
        checksum = Checksum(algorithm, f"{b64encode(value).decode()}-{len(parts)}", COMPOSITE)
    return msgspec.structs.replace(
        upload.details, checksum=checksum, part_sizes=tuple(part.size for part in parts)
    )
