"""What a power cut would leave of a folder, although only a process was killed.

The page cache survives `kill -9`, so a test that kills a server cannot show that its data was
synced. Here any process runs with a library between it and libc. The library keeps a disk image
beside the folder: bytes get into it when their file is synced, and names when their folder is.
After the kill, the image is what a disk would hold.

    library = power_loss.build(tmp_path)
    added = power_loss.environment(library, watched=data, image=tmp_path / "image")
    server = subprocess.Popen(command, env={**os.environ, **added})
    ...
    server.kill()
    server.wait()
    power_loss.reconstruct(data, tmp_path / "image", tmp_path / "after")
    # now start a server on tmp_path / "after" and ask for all that was acknowledged

What it guarantees:
- What was in the folder when its image began is durable, and so is all that was synced since.
- Without a seed nothing else survives: no byte, no name, no rename.
- With a seed, a random part of the rest survives too, as it may on a disk that writes back
  whenever it likes. One kill can be looked at under many seeds.
- A file that was durable is never lost by a rename: its old name stays, or its new one is there.

Where the model is harsher than ext4, xfs or btrfs, POSIX is on its side: a new file needs a sync
of its folder, and a rename between folders can leave the old name when only the new folder was
synced. Where it is milder:
- Of a page that was written twice between two syncs, no seed brings back the first version.
- A page of 4 KiB survives whole or not at all.
- A file written outside and moved in counts as never synced. That is harsher again.
- Modes and times are not modelled: they are those of the last moment.
- io_uring, libaio, raw system calls and reflinks are not seen. `sync` and `syncfs` sync nothing.

What to know when using it:
- Put both folders on tmpfs (`/dev/shm`) for speed. A sync of a file costs about 0.04 ms there, a
  write 0.005 ms more than without, and a sync of a folder 0.004 ms for each of its entries.
- A file that is mapped for writing, or written through stdio, is copied whole at each sync.
- The image keeps the bytes of removed files too: it only grows.
- LMDB aborts the process that reads a broken store. So read a folder that may be broken in a
  process of its own.
- A sync through a descriptor that is open for writing only drops the fcntl locks which the process
  holds on that file. LMDB and SQLite sync through descriptors that can read.

It needs Linux with glibc on 64 bits, a C compiler, and user extended attributes (ext4, xfs, btrfs,
tmpfs since Linux 6.6). `Unavailable` says which of them is missing.
"""

from .cut import reconstruct
from .image import Unavailable
from .library import build, environment

__all__ = ["Unavailable", "build", "environment", "reconstruct"]
