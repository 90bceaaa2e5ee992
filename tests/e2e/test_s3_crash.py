"""What S3 has answered survives `kill -9` and power cuts, and an object is never there in part.

Writers put objects, whole and in parts, copy and delete them, until the server is killed. Each key
belongs to one writer, and content says which put it is of. After the kill a key holds what was
acknowledged last, or what was being put, or nothing where a delete was under way.
"""

import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from e2e.power_loss import Unavailable, build, environment, reconstruct
from e2e.server_process import ServerProcess

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "3"))
WRITERS = 6
PART_BYTES = 5 << 20
BUCKET = "crash"

Content = bytes | None


def content_of(token: str, size: int) -> bytes:
    """Bytes that no other token has."""
    seed = hashlib.sha256(token.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


class Writer(threading.Thread):
    """Changes a few keys again and again, until the server does not answer any more.

    acknowledged    what each key holds by what was answered; None: nothing
    under_way       what a key may hold besides, since its change was not answered
    """

    def __init__(self, server: ServerProcess, name: str, number: int) -> None:
        super().__init__(name=name)
        self._client: Any = server.client("s3", read_timeout=30)
        self._chance = random.Random(f"{name}-{number}")
        self._name = name
        self._number = number
        self.acknowledged: dict[str, Content] = {}
        self.under_way: dict[str, Content] = {}
        self.answers = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for count in range(1_000_000):
                key = f"{self._name}/deep/{count % 4}/k"
                changed = self._content(count)
                self.under_way = {key: changed}
                self._change(key, changed, count)
                self.acknowledged[key] = changed
                self.under_way = {}
                self.answers += 1
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError):
                self.error = error

    def _content(self, count: int) -> Content:
        if count % 7 == 6:
            return None
        size = PART_BYTES + 1_000 if count % 9 == 8 else self._chance.choice([0, 10, 70_000])
        return content_of(f"{self._name}-{self._number}-{count}", size)

    def _change(self, key: str, content: Content, count: int) -> None:
        given = {"Bucket": BUCKET, "Key": key}
        if content is None:
            self._client.delete_object(**given)
        elif len(content) > PART_BYTES:
            upload = {
                **given,
                "UploadId": self._client.create_multipart_upload(**given)["UploadId"],
            }
            parts = []
            for number, start in enumerate((0, PART_BYTES), 1):
                piece = content[start : start + PART_BYTES]
                etag = self._client.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        else:
            self._client.put_object(**given, Body=content, Metadata=metadata_of(content))


def metadata_of(content: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(content).hexdigest()}


def listing(client: Any, writer: Writer) -> dict[str, Any]:
    page = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{writer.name}/")
    return {one["Key"]: one for one in page.get("Contents", [])}


def faults(server: ServerProcess, writer: Writer) -> Iterator[str]:
    client: Any = server.client("s3")
    listed = listing(client, writer)
    for key in {*writer.acknowledged, *writer.under_way, *listed}:
        allowed = [writer.acknowledged.get(key)]
        allowed += [writer.under_way[key]] if key in writer.under_way else []
        try:
            got = client.get_object(Bucket=BUCKET, Key=key)
            found: Content = got["Body"].read()
        except client.exceptions.NoSuchKey:
            found = None
        if found not in allowed:
            size = None if found is None else len(found)
            yield f"{key} holds {size} bytes, which is none of {len(allowed)} that it may hold"
        if (found is not None) != (key in listed):
            yield f"{key} is listed, or not, but the contrary holds"
        if found is None:
            continue
        # Listed anew: the image of a power cut has no times of files, so the content tells.
        if got["ETag"] != listing(client, writer)[key]["ETag"]:
            yield f"{key} has another ETag in the listing"
        if len(found) <= PART_BYTES and got["Metadata"] != metadata_of(found):
            yield f"{key} has lost what was known of it"


Cut = Callable[[int, Path], tuple[dict[str, str], Callable[[], Path]]]


def run_rounds(folder: Path, prepare: Cut, **variables: str) -> list[str]:
    """Kills the server again and again; returns the first round's faults."""
    chance = random.Random(folder.name)
    data = folder / "data"
    data.mkdir()
    answers = 0
    known: dict[str, dict[str, Content]] = {}
    for number in range(ROUNDS):
        added, survivor = prepare(number, data)
        server = ServerProcess(data, environment={**variables, **added})
        client: Any = server.client("s3")
        if number == 0:
            client.create_bucket(Bucket=BUCKET)
        writers = [Writer(server, f"w{index}", number) for index in range(WRITERS)]
        for writer in writers:
            writer.acknowledged = known.get(writer.name, {})
            writer.start()
        deadline = time.monotonic() + 60
        while sum(writer.answers for writer in writers) <= 10 and time.monotonic() < deadline:
            time.sleep(0.01)  # a busy machine takes its time to begin
        time.sleep(chance.uniform(0.3, 1.5))
        server.kill()
        for writer in writers:
            writer.join()
            assert writer.error is None, writer.error
            answers += writer.answers
        data = survivor()
        with ServerProcess(data) as restarted:
            wrong = [fault for writer in writers for fault in faults(restarted, writer)]
            if wrong:
                return wrong
            for writer in writers:
                known[writer.name] = settled(restarted, writer)
            staged = [path.name for path in (data / "s3" / ".staging").glob("put-*")]
            assert staged == []
    assert answers > 10 * ROUNDS, "the writers hardly wrote anything"
    return []


def settled(server: ServerProcess, writer: Writer) -> dict[str, Content]:
    """What the keys hold, now that the change that was under way has happened or not."""
    client: Any = server.client("s3")
    held = dict(writer.acknowledged)
    for key in writer.under_way:
        try:
            held[key] = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            held[key] = None
    return held


def kill_alone(number: int, data: Path) -> tuple[dict[str, str], Callable[[], Path]]:
    return {}, lambda: data


def power_cut(folder: Path, seed: int | None) -> Cut:
    try:
        library = build(folder)
    except Unavailable as reason:
        pytest.skip(str(reason))

    def prepare(number: int, data: Path) -> tuple[dict[str, str], Callable[[], Path]]:
        image, after = folder / f"image-{number}", folder / f"after-{number}"

        def survivor() -> Path:
            reconstruct(data, image, after, seed=seed)
            return after

        return environment(library, watched=data, image=image), survivor

    return prepare


@pytest.fixture
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent) as made:
        yield Path(made)


def test_kill_9_loses_nothing(tmp_path: Path) -> None:
    assert run_rounds(tmp_path, kill_alone) == []


@pytest.mark.parametrize("seed", [None, 1])
def test_a_power_cut_loses_nothing(folder: Path, seed: int | None) -> None:
    """With a seed, a part of what was never synced survives too."""
    assert run_rounds(folder, power_cut(folder, seed)) == []


@pytest.mark.parametrize("module", ["staging", "store"])
def test_planted_bugs_are_found(folder: Path, tmp_path: Path, module: str) -> None:
    """The bytes of an object are not synced, or its name is not."""
    planted = f"import tandem.offline.objects.{module} as module\nmodule.sync = lambda path: None\n"
    (tmp_path / "sitecustomize.py").write_text(planted)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    assert run_rounds(folder, power_cut(folder, None), PYTHONPATH=paths) != []
