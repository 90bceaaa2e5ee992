"""The address in the data folder: there while its server runs, however it ends."""

import subprocess
import sys
from pathlib import Path

from tandem.server.address_file import FILE_NAME, announced, announced_url

URL = "http://127.0.0.1:8790"


def test_an_address_lasts_as_long_as_its_server(tmp_path: Path) -> None:
    assert announced_url(tmp_path) is None
    with announced(tmp_path, URL):
        assert announced_url(tmp_path) == URL
        with announced(tmp_path, "http://127.0.0.1:1"):
            assert announced_url(tmp_path) == URL
        assert announced_url(tmp_path) == URL
    assert announced_url(tmp_path) is None
    with announced(tmp_path, "http://127.0.0.1:2"):
        assert announced_url(tmp_path) == "http://127.0.0.1:2"


def test_a_server_that_was_killed_is_not_there(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path;"
        "from tandem.server.address_file import announced\n"
        "with announced(Path(sys.argv[1]), 'http://127.0.0.1:3'):\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert announced_url(tmp_path) == "http://127.0.0.1:3"
        process.kill()
        process.wait()
    assert (tmp_path / FILE_NAME).exists()
    assert announced_url(tmp_path) is None


def test_no_folder_is_no_server(tmp_path: Path) -> None:
    assert announced_url(tmp_path / "nowhere") is None
    (tmp_path / "file").write_text("")
    assert announced_url(tmp_path / "file") is None
