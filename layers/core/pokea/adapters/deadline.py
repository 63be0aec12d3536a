"""Work that somebody waits for, with a limit on the waiting.

A client library's own timeouts bound each attempt, not the sum of them; a caller hears the sum. The work goes on in its thread after
its time is up (it is bounded by those timeouts), so give it only work that may finish unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pokea.errors import Unavailable

T = TypeVar("T")
MAX_THREADS = 16  # work that hangs holds a thread; once all are held, new work is refused in time instead of piling up


class Deadline:
    def __init__(self, seconds: float, threads: int = MAX_THREADS) -> None:
        self.seconds = seconds
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="deadline")

    def run(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """What `work` returns or raises. Raises Unavailable("deadline") when it takes longer; its effects may still come."""
        limit_s = self.seconds if seconds is None else min(seconds, self.seconds)
        future = self._pool.submit(work)
        try:
            return future.result(timeout=limit_s)
        except TimeoutError:
            if future.done():  # at the last moment, or with a TimeoutError of its own
                return future.result()
            future.cancel()
            raise Unavailable("deadline", f"not done within {limit_s:g} s", retry_after_s=0.5) from None
