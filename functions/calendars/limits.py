"""A limit in time for work on what strangers wrote, where no count of anything says how long it will take."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pokea.errors import RejectedInput

AGAIN_S = 0.5  # should somebody on the way have swallowed it


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises RejectedInput inside the block once `seconds` are over. Only the main thread can be interrupted; handlers run there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise RejectedInput("calendar_too_slow", f"not read within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
