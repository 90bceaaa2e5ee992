"""Objects are whole or not there, stay in their bucket, and leave history alone."""

import os
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from tandem.offline.objects import ObjectStore
from tandem.offline.objects import store as store_module
from tandem.offline.objects.details import Details, ObjectInfo
from tandem.offline.objects.errors import (
    BucketNotEmpty,
    HistoryProtected,
    InvalidKey,
    KeyConflict,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
)
from tandem.offline.objects.listing import Question
from tandem.offline.objects.uploads import Named, Uploads
from tandem.testing.purchases import purchases_group

GROUP = purchases_group()
DATA = GROUP.offline.resolved_uri.removeprefix("s3://bucket/")
FOLDER = DATA.removesuffix("/data")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    made = open_store(tmp_path)
    made.buckets.create("box")
    yield made
    made.close()


def open_store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "s3", tmp_path / "s3.sqlite", lambda: (GROUP,))


def put(
    store: ObjectStore, key: str, content: bytes = b"x", bucket: str = "box", **given: object
) -> ObjectInfo:
    staged = store.staging.new_file()
    try:
        staged.write(content)
        etag = staged.finish()["MD5"].hex()
        details = Details(metadata={"content": content.decode("latin-1")})
        return store.publish(bucket, key, staged, etag, details, **given)
    finally:
        staged.close()


def content(store: ObjectStore, key: str, bucket: str = "box") -> bytes:
    with store.open(bucket, key) as found:
        return found.read(0, found.info.size)


def keys(store: ObjectStore, bucket: str = "box") -> list[str]:
    return [one.key for one in store.page(bucket, Question(), 1_000).objects]


def files(folder: Path) -> list[Path]:
    """All that is in a folder, but for locks."""
    return sorted(path for path in folder.rglob("*") if "s3.locks" not in path.parts)


def test_what_is_known_of_an_object_outlives_the_store(store: ObjectStore, tmp_path: Path) -> None:
    put(store, "a/b", b"hello")
    again = open_store(tmp_path)
    info = again.info("box", "a/b")
    assert (info.etag, info.size) == (md5(b"hello").hexdigest(), 5)
    assert info.details.metadata == {"content": "hello"}
    assert again.page("box", Question(), 9).objects[0].etag == info.etag
    again.close()


def test_a_crash_before_the_name_leaves_the_old_object_whole(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of the new one is on disk by then; it must not be taken for the old one's."""
    put(store, "k", b"old")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "_rename", die)
    with pytest.raises(KeyboardInterrupt):
        put(store, "k", b"new")
    assert content(store, "k") == b"old"
    assert store.info("box", "k").details.metadata == {"content": "old"}
    assert store.info("box", "k").etag == md5(b"old").hexdigest()


def test_a_reader_keeps_what_it_opened(store: ObjectStore) -> None:
    put(store, "k", b"old")
    with store.open("box", "k") as found:
        put(store, "k", b"new and longer")
        assert (found.read(0, 99), found.info.size) == (b"old", 3)
    assert content(store, "k") == b"new and longer"


def test_a_file_that_came_by_itself_has_an_etag_that_follows_it(
    store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "s3" / "box" / "foreign"
    path.write_bytes(b"one")
    first = store.info("box", "foreign").etag
    assert first == store.info("box", "foreign").etag
    assert first == store.page("box", Question(), 9).objects[0].etag
    path.write_bytes(b"three")
    assert store.info("box", "foreign").etag != first


def test_a_file_that_replaces_an_object_does_not_inherit_from_it(
    store: ObjectStore, tmp_path: Path
) -> None:
    put(store, "k", b"by S3")
    (tmp_path / "s3" / "box" / "k").write_bytes(b"other")
    info = store.info("box", "k")
    assert (info.details.metadata, info.etag.endswith("-1")) == ({}, True)


def test_a_copy_of_the_folder_keeps_what_was_known(store: ObjectStore, tmp_path: Path) -> None:
    """As from a backup that did not keep the times of files."""
    put(store, "k", b"hello")
    uploads = Uploads(store)
    upload = uploads.begin("box", "parts", Details(metadata={"a": "b"}))
    for number, part in ((1, b"x" * (5 << 20)), (2, b"y")):
        staged = store.staging.new_file()
        staged.write(part)
        uploads.put_part(upload, number, staged)
    uploads.complete(upload, [Named(1, ""), Named(2, "")])
    before = {key: store.info("box", key) for key in ("k", "parts")}
    for key in before:
        os.utime(tmp_path / "s3" / "box" / key, ns=(1, 1))
    for key, known in before.items():
        found = store.info("box", key)
        assert (found.etag, found.details) == (known.etag, known.details)
    listed = store.page("box", Question(), 9).objects
    assert [one.etag for one in listed] == [known.etag for known in before.values()]


def test_only_new(store: ObjectStore) -> None:
    put(store, "k", b"first", only_new=True)
    with pytest.raises(PreconditionFailed):
        put(store, "k", b"second", only_new=True)
    assert content(store, "k") == b"first"


IMPOSSIBLE = [
    "",
    "/",
    "/a",
    "a//b",
    "..",
    "../box2/k",
    "a/../../k",
    "./a",
    "a/.",
    "a\0b",
    "x" * 256,
]
IMPOSSIBLE += [
    "é" * 128,
    "_a.0.partial",
    "d/_x.parquet.0badcafe.partial",
    "/etc/passwd",
    "x/" * 600,
]


@pytest.mark.parametrize("key", IMPOSSIBLE)
def test_keys_that_cannot_be_files(store: ObjectStore, tmp_path: Path, key: str) -> None:
    before = files(tmp_path)
    with pytest.raises(InvalidKey):
        put(store, key)
    with pytest.raises(InvalidKey):
        store.open("box", key)
    with pytest.raises(InvalidKey):
        store.delete("box", key)
    assert files(tmp_path) == before


@pytest.mark.parametrize("bucket", ["", ".", "..", ".staging", "a/b", "/", "nowhere", "box\0"])
def test_names_that_are_no_buckets(store: ObjectStore, bucket: str) -> None:
    with pytest.raises(NoSuchBucket):
        put(store, "k", bucket=bucket)
    with pytest.raises(NoSuchBucket):
        store.open(bucket, "k")


def test_links_are_not_there(store: ObjectStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "k").write_text("secret")
    box = tmp_path / "s3" / "box"
    (box / "folder").symlink_to(secret)
    (box / "file").symlink_to(secret / "k")
    (tmp_path / "s3" / "linked").symlink_to(secret)
    for key in ("folder/k", "file"):
        with pytest.raises(NoSuchKey):
            store.open("box", key)
        with pytest.raises(InvalidKey):
            put(store, key, b"overwritten")
    store.delete("box", "folder/k")
    with pytest.raises(NoSuchBucket):
        store.open("linked", "k")
    assert (secret / "k").read_text() == "secret"
    assert [path.name for path in secret.iterdir()] == ["k"]


def test_a_pipe_is_not_waited_for(store: ObjectStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s3" / "box" / "pipe")
    with pytest.raises(NoSuchKey):
        store.open("box", "pipe")
    assert keys(store) == []


def test_a_key_is_a_file_or_a_folder(store: ObjectStore) -> None:
    put(store, "a/b")
    with pytest.raises(KeyConflict):
        put(store, "a")
    with pytest.raises(KeyConflict):
        put(store, "a/b/c")
    store.delete("box", "a/b")
    put(store, "a")  # the folder went with its last object
    assert keys(store) == ["a"]


def test_folders_as_objects(store: ObjectStore) -> None:
    put(store, "a/", b"")
    put(store, "a/b")
    store.delete("box", "a/b")
    assert keys(store) == ["a/"]
    assert store.info("box", "a/").etag == md5(b"").hexdigest()
    assert store.page("box", Question(), 9).objects[0].etag == md5(b"").hexdigest()
    with pytest.raises(KeyConflict):
        put(store, "a")
    with pytest.raises(BucketNotEmpty):
        store.delete_bucket("box")
    store.delete("box", "a/")
    store.delete_bucket("box")
    assert not store.buckets.exists("box")


def test_leftovers_of_a_crash_go_and_parts_stay(store: ObjectStore, tmp_path: Path) -> None:
    uploads = Uploads(store)
    upload = uploads.begin("box", "k", Details())
    staged = store.staging.new_file()
    staged.write(b"part")
    uploads.put_part(upload, 1, staged)
    dead = store.staging.folder / "put-dead"
    dead.write_bytes(b"x")
    alive = store.staging.new_file()
    again = open_store(tmp_path)
    assert not dead.exists()
    assert alive.path.exists()
    alive.close()
    completed = Uploads(again).complete(upload, [Named(1, "")])
    assert content(again, "k") == b"part"
    assert completed.etag == f"{md5(md5(b'part').digest()).hexdigest()}-1"
    assert sorted(path.name for path in store.staging.folder.iterdir()) == []
    again.close()


class TestHistory:
    """The bucket and the folder of a group that is not deleted."""

    OWN = f"{DATA}/year=2022/month=11/day=09/hour=10/20221109T101500Z_3nMk0Zq8rT1vXb5L.parquet"
    ARCHIVE = f"{FOLDER}/_log/0-00000000000000000001-00000000000000000090.parquet"

    @pytest.fixture(autouse=True)
    def delivered(self, tmp_path: Path) -> None:
        for key in (self.OWN, self.ARCHIVE, f"{self.OWN}x/_a.parquet.0.partial"):
            path = tmp_path / "s3" / "bucket" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"rows")

    def test_it_is_read(self, store: ObjectStore) -> None:
        assert content(store, self.OWN, "bucket") == b"rows"
        assert keys(store, "bucket") == [self.ARCHIVE, self.OWN]

    @pytest.mark.parametrize("key", [OWN, ARCHIVE, f"{FOLDER}/_log/new.parquet"])
    def test_it_is_not_replaced_or_deleted(
        self, store: ObjectStore, tmp_path: Path, key: str
    ) -> None:
        with pytest.raises(HistoryProtected, match="purchases"):
            put(store, key, b"forged", "bucket")
        with pytest.raises(HistoryProtected):
            store.delete("bucket", key)
        assert content(store, self.OWN, "bucket") == b"rows"

    @pytest.mark.parametrize("key", [FOLDER, DATA, f"{DATA}/year=1999", "features"])
    def test_a_file_cannot_stand_where_delivery_needs_a_folder(
        self, store: ObjectStore, key: str
    ) -> None:
        with pytest.raises(HistoryProtected):
            put(store, key, b"in the way", "bucket")

    def test_new_files_come_and_stay(self, store: ObjectStore) -> None:
        key = f"{DATA}/year=2024/part-0.parquet"
        put(store, key, b"foreign", "bucket")
        with pytest.raises(HistoryProtected):
            put(store, key, b"again", "bucket")

    def test_what_writers_need_meanwhile_comes_and_goes(self, store: ObjectStore) -> None:
        for key in (f"{DATA}/_temporary/0/part-0.parquet", f"{DATA}/_SUCCESS", f"{DATA}/x/"):
            content_of = b"" if key.endswith("/") else b"x"
            put(store, key, content_of, "bucket")
            put(store, key, content_of, "bucket")
            store.delete("bucket", key)

    def test_the_bucket_stays(self, store: ObjectStore) -> None:
        with pytest.raises(BucketNotEmpty):
            store.delete_bucket("bucket")

    def test_once_the_group_is_deleted_it_is_nobodys(self, tmp_path: Path) -> None:
        orphaned = ObjectStore(tmp_path / "s3", tmp_path / "s3.sqlite", lambda: ())
        orphaned.delete("bucket", self.OWN)
        put(orphaned, self.ARCHIVE, b"mine", "bucket")
        orphaned.close()


def test_a_bucket_exists_from_the_moment_a_group_names_it(store: ObjectStore) -> None:
    assert keys(store, "bucket") == []
    assert [bucket.name for bucket in store.buckets.all()] == ["box", "bucket"]
