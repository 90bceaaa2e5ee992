"""Keys from a setting and from a file, which is read again when it changes."""

import os
import stat
import threading
from pathlib import Path

import pytest

from tandem.assembly.access_keys import (
    AccessKeyFile,
    access_keys,
    has_access_keys,
    opened_access_keys,
)
from tandem.assembly.settings import Settings, settings_from_environment
from tandem.errors import DataCorrupted, ValidationError
from tandem.registry.memory import MemoryRegistry
from tandem.service.access_keys import AccessKeys
from tandem.service.clock import system_clock

SECRET = "s3cr3t/of+forty=characters"


def file_with(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def section(access_key_id: str, secret: str = SECRET, name: str = "default") -> str:
    return (
        f"[{name}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\n"
        "region = eu-west-1\n"
    )


def keys_of(folder: Path, **settings: str) -> AccessKeys:
    return access_keys(Settings(data=folder, **settings), MemoryRegistry(), system_clock)


def test_the_setting(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, access_keys=f"AKIAONE:{SECRET}, two:{SECRET}:and-a-colon")
    assert keys.secret("AKIAONE") == SECRET
    assert keys.secret("two") == f"{SECRET}:and-a-colon"


@pytest.mark.parametrize("text", ["AKIAONE", "AKIAONE:short", f"a b:{SECRET}", f"é:{SECRET}"])
def test_a_bad_setting_is_refused_and_shows_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        keys_of(tmp_path, access_keys=text)
    assert SECRET not in str(raised.value)
    assert "short" not in str(raised.value)


def test_settings_do_not_show_the_keys() -> None:
    settings = settings_from_environment({"TANDEM_ACCESS_KEYS": f"AKIAONE:{SECRET}"})
    assert settings.access_keys == f"AKIAONE:{SECRET}"
    assert SECRET not in repr(settings)


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = file_with(tmp_path / "keys", section("AKIAONE") + section("AKIATWO", name="two"))
    file = AccessKeyFile(path)
    assert file.keys() == {"AKIAONE": SECRET, "AKIATWO": SECRET}
    file_with(tmp_path / "new", section("AKIATHREE")).replace(path)
    assert file.keys() == {"AKIATHREE": SECRET}


def test_a_file_that_becomes_bad_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = file_with(tmp_path / "keys", section("AKIAONE"))
    file = AccessKeyFile(path)
    for text, mode in [("nonsense " + SECRET, 0o600), (section("AKIATWO"), 0o644)]:
        file_with(tmp_path / "new", text, mode).replace(path)
        assert file.keys() == file.keys() == {"AKIAONE": SECRET}
    path.unlink()
    assert file.keys() == {"AKIAONE": SECRET}
    assert len(caplog.records) == 3
    assert SECRET not in caplog.text


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = file_with(tmp_path / "keys", section("AKIAONE"), mode)
    with pytest.raises(ValidationError, match="chmod 600"):
        keys_of(tmp_path / "data", access_keys_file=str(path))


@pytest.mark.parametrize(
    "text",
    [
        "aws_access_key_id = AKIAONE\n",
        "[default]\naws_access_key_id = AKIAONE\n",
        "[default]\naws_secret_access_key = " + SECRET,
        section("AKIAONE") + section("AKIAONE", "another-one-of-16", "two"),
        section("AKIAONE") + section("AKIATWO"),  # one name for both: the first would be lost
        "[default]\naws_access_key_id = AKIAONE\n" + section("AKIATWO").removeprefix("[default]\n"),
        section("AKIAONE", "short"),
    ],
)
def test_a_bad_file_is_refused_and_shows_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AccessKeyFile(file_with(tmp_path / "keys", text))
    assert SECRET not in str(raised.value)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = file_with(tmp_path / "keys", "\ufeff" + section("AKIAMARK"))
    assert AccessKeyFile(path).keys() == {"AKIAMARK": SECRET}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no-such-file"):
        AccessKeyFile(tmp_path / "no-such-file")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    os.mkfifo(path, 0o600)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, section("AKIAPIPE").encode())
    closing = threading.Timer(1, os.close, [writer])  # who waits for its end is not held for ever
    closing.start()
    with pytest.raises(ValidationError, match="not a regular file"):
        AccessKeyFile(path)
    assert closing.is_alive()
    closing.join()


def test_keys_of_a_folder_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    with opened_access_keys(settings) as keys:
        key, secret = keys.create()
    with opened_access_keys(settings) as keys:
        assert keys.secret(key.access_key_id) == secret
    file = settings.data / "access.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.encode() not in (settings.data / "registry.sqlite").read_bytes()


def test_what_secrets_are_derived_from_is_whole_and_nobody_elses(tmp_path: Path) -> None:
    keys_of(tmp_path)
    file = tmp_path / "access.key"
    file.chmod(0o604)
    with pytest.raises(ValidationError, match="chmod 600"):
        keys_of(tmp_path)
    file.chmod(0o660)  # as a volume that a group shares
    keys_of(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(DataCorrupted, match="0 bytes"):
        keys_of(tmp_path)


def test_whether_there_are_keys_is_asked_without_a_trace(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    assert not has_access_keys(settings)
    assert not settings.data.exists()
    settings.data.mkdir()
    assert not has_access_keys(settings)
    assert not list(settings.data.iterdir())
    assert has_access_keys(Settings(data=tmp_path / "data", access_keys=f"AKIAONE:{SECRET}"))
    with opened_access_keys(settings) as keys:
        assert not has_access_keys(settings)
        keys.create()
    assert has_access_keys(settings)


@pytest.mark.parametrize("value", ["always", "", "Required"])
def test_the_setting_of_signatures_is_one_of_three(value: str) -> None:
    with pytest.raises(ValidationError, match="'auto', 'required', 'off'"):
        Settings(signatures=value)
