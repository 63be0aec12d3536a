"""Which voice document a hook on the voice URL is answered with. The whole rule is the table below.

A second Stream document would fork the call's audio again, so it is given only while nobody has opened the stream, and then byte for
byte as before. Everything that reports the end of something gets the empty document. A state whose name we do not know is answered
like a first ring if it is the first we hear of the call, and never afterwards.
"""

from __future__ import annotations

from enum import StrEnum

from pokea.calls import Call, is_over
from pokea.sautikit.hook_names import HookState


class Reply(StrEnum):
    STREAM = "stream"
    EMPTY = "empty"
    UNKNOWN_NUMBER = "unknown_number"  # nobody answers this number: say so politely and hang up


class Standing(StrEnum):
    """How far a call has come with us."""

    NEW = "new"  # no Stream document was made for it yet
    INVITED = "invited"  # it was, but no bridge has opened the stream
    OPEN = "open"
    OVER = "over"


_STREAM, _EMPTY = Reply.STREAM, Reply.EMPTY
_SET_UP = {
    # state:                new      invited  open    over
    HookState.RINGING: (_STREAM, _STREAM, _EMPTY, _EMPTY),
    HookState.ANSWERED: (_STREAM, _STREAM, _EMPTY, _EMPTY),
    HookState.UNKNOWN: (_STREAM, _EMPTY, _EMPTY, _EMPTY),
}
TABLE: dict[tuple[HookState, Standing], Reply] = {
    (state, standing): row[column]
    for state in HookState
    for row in [_SET_UP.get(state, (_EMPTY,) * len(Standing))]
    for column, standing in enumerate(Standing)
}


def standing(call: Call) -> Standing:
    if is_over(call):
        return Standing.OVER
    if call.opened_at is not None:
        return Standing.OPEN
    return Standing.NEW if call.stream_issued_at is None else Standing.INVITED


def reply_to(state: HookState, call: Call) -> Reply:
    """The answer to `state` for `call` as it stood before the hook."""
    return TABLE[state, standing(call)]


def announces(state: HookState) -> bool:
    """Whether `state` is how calls usually begin, so that trying to create the call first saves a read."""
    return TABLE[state, Standing.INVITED] is Reply.STREAM


def sets_up(state: HookState) -> bool:
    """Whether a call that we hear of for the first time through `state` wants a Stream document."""
    return TABLE[state, Standing.NEW] is Reply.STREAM
