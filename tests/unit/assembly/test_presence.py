"""Which processes live, by locks on files."""

import subprocess
import sys
from pathlib import Path

from tandem.assembly.presence import Presence

HOLD = """
import sys
from pathlib import Path
from tandem.assembly.presence import Presence
presence = Presence(Path(sys.argv[1]))
print(presence.owner, flush=True)
sys.stdin.read()
"""


def test_a_process_lives_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "processes"
    mine = Presence(folder)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        owner = other.stdout.readline().strip()
        assert mine.is_alive(owner)
        assert mine.is_alive(mine.owner)
        other.kill()
        other.wait()
    assert not mine.is_alive(owner)
    assert not mine.is_alive("never-there")
    Presence(folder).close()
    assert [path.name for path in folder.iterdir()] == [mine.owner]
    mine.close()
    assert list(folder.iterdir()) == []


def test_a_closed_one_is_gone(tmp_path: Path) -> None:
    one, other = Presence(tmp_path / "processes"), Presence(tmp_path / "processes")
    assert other.is_alive(one.owner)
    one.close()
    assert not other.is_alive(one.owner)
    other.close()
