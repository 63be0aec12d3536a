"""What broke, for the log: types and places. The words of an error are left out, because they may quote a caller."""

from __future__ import annotations

import traceback

_FRAMES = 8
_ERRORS = 4


def described(problem: BaseException) -> str:
    """The innermost frames of an error, or of each error of a group; what it was caused by comes after it."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(described(one) for one in problem.exceptions[:_ERRORS])
    frames = traceback.extract_tb(problem.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    cause = problem.__cause__
    return f"{type(problem).__name__} at {places or 'no frame'}" + (f", caused by {described(cause)}" if cause else "")
