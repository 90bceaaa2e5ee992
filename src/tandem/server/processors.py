"""Processors are left to requests by the processes that work beside them.

Priorities alone do not do that: a request that comes while the kernel works for a load waits until
it is done, and a kernel that is built for servers is not interrupted.
"""

import os
import sys


def leave_some_to_requests(count: int) -> bool:
    """Keeps the calling process, and all that it starts, off `count` of its processors.

    One is left to it in any case. To be called before it has other threads. Returns whether any was
    left to requests: not where there is but one, nor on systems that cannot say which process runs
    where.
    """
    if sys.platform == "linux":
        allowed = os.sched_getaffinity(0)
        if len(allowed) > 1:
            left = sorted(allowed)[: min(count, len(allowed) - 1)]
            os.sched_setaffinity(0, allowed - set(left))
            return True
    return False
