"""What broke, for the log: types and places. The words of an error are left out, because they may quote a caller."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable

_FRAMES = 8
_ERRORS = 4
log = logging.getLogger(__name__)


def described(problem: BaseException) -> str:
    """The innermost frames of an error, or of each error of a group; what it was caused by comes after it."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(described(one) for one in problem.exceptions[:_ERRORS])
    frames = traceback.extract_tb(problem.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    cause = problem.__cause__
    return f"{type(problem).__name__} at {places or 'no frame'}" + (f", caused by {described(cause)}" if cause else "")


def watched(task: asyncio.Task[None], what: str, broken: Callable[[], None] = lambda: None) -> asyncio.Task[None]:
    """`task`, whose end by an error is logged and told to `broken`: nobody waits for what runs beside the calls."""

    def over(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and (problem := done.exception()) is not None:
            log.error("%s broke: %s", what, described(problem))
            broken()

    task.add_done_callback(over)
    return task
