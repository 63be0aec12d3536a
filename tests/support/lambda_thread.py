"""A thread with an event loop, such as the main thread of a Lambda is: Mangum asks the thread it runs on for one, and where there is none
it makes one that nobody closes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def lambda_thread() -> Iterator[ThreadPoolExecutor]:
    """Its one worker runs what is submitted. Afterwards nothing of the loop is left, nor of the threads that it gave work to."""
    loop = asyncio.new_event_loop()
    try:
        with ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(loop,)) as worker:
            yield worker
            worker.submit(lambda: loop.run_until_complete(loop.shutdown_default_executor())).result()
    finally:
        loop.close()
