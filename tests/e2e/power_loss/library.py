"""Builds the library and puts it between a process and libc.

Guarantees:
- `build` and `environment` raise `Unavailable` with the reason where they cannot work, so that a
  test can skip and say why.
- A second call of `environment` with the same image goes on with it. So a process can be killed
  and started again, and what it never synced stays not durable.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .image import Image, Unavailable

SOURCES = ["power_loss.c", "image.c", "image_file.c", "image_folder.c"]
# Fortified headers replace `open` and others by inline functions of the same name.
FLAGS = ["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE"]


def build(folder: Path) -> Path:
    """Compile the library into the folder and return its path."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not sys.platform.startswith("linux"):
        raise Unavailable(f"power loss is simulated on Linux only, not on {sys.platform}")
    if compiler is None:
        raise Unavailable("there is no C compiler: install one, or name it in CC")
    library = Path(folder) / "power_loss.so"
    here = Path(__file__).parent
    command = [compiler, *FLAGS, "-o", str(library), *(str(here / name) for name in SOURCES)]
    done = subprocess.run([*command, "-ldl", "-lpthread"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{compiler} cannot build the library: {done.stderr.strip()}")
    return library


def environment(library: Path, watched: Path, image: Path) -> dict[str, str]:
    """The variables to add for a process, and an image of the folder as it is now.

    `watched` exists and no process writes to it yet. Neither folder lies inside the other.
    """
    watched, image = Path(watched).resolve(), Path(image).resolve()
    if watched.is_relative_to(image) or image.is_relative_to(watched):
        raise ValueError(f"{watched} and {image} must lie side by side")
    if not Image.exists(image):
        Image.begin(watched, image)
    Image.of(watched, image)
    loaded_first = [str(library), os.environ.get("LD_PRELOAD", "")]
    return {
        "LD_PRELOAD": ":".join(filter(None, loaded_first)),
        "TANDEM_POWER_LOSS_DIR": str(watched),
        "TANDEM_POWER_LOSS_IMAGE": str(image),
    }
