"""Which voice document a hook on the voice URL is answered with. The whole rule is the table below.

A second Stream document would fork the call's audio again, so it is given only while nobody has opened the stream, and then byte for
byte as before; who was turned away is so again, in the same words. Everything that reports the end of something gets the empty
document. A state whose name we do not know is answered like a first ring if it is the first we hear of the call, and never afterwards.

Where the carrier goes on after a stream, it asks what to do next once the stream has gone. For a call that is being handed over that is
to dial; for one whose bridge was lost it is what the line has for that. A call that ended well is over by then and gets the empty one.
Whoever reports a stream was invited, though the row may say that it was turned away: a slow store is not waited for, and the row that says
so came when the caller had been sent to a bridge.
"""

from __future__ import annotations

from enum import StrEnum

from pokea.calls import Call, is_over, is_turned_away
from pokea.sautikit.hook_names import HookState


class Reply(StrEnum):
    STREAM = "stream"
    EMPTY = "empty"
    DIAL = "dial"  # the stream of a handed-over call has gone: the carrier is to ring whom the call names
    FALLBACK = (
        "fallback"  # the bridge was lost: what the line has for that, where it does not stand behind the stream already
    )
    APOLOGY = "apology"  # nobody took the call that the carrier dialled
    AWAY = "away"  # the call was turned away: every place is taken, or too many rings come
    UNKNOWN_NUMBER = "unknown_number"  # nobody answers this number: say so politely and hang up


class Standing(StrEnum):
    """How far a call has come with us."""

    NEW = "new"  # no Stream document was made for it yet
    INVITED = "invited"  # it was, but no bridge has opened the stream
    AWAY = "away"  # it was turned away
    OPEN = "open"
    LEAVING = "leaving"  # word was left with the carrier whom to dial next
    OVER = "over"


_STREAM, _EMPTY, _DIAL, _FALLBACK, _AWAY = Reply.STREAM, Reply.EMPTY, Reply.DIAL, Reply.FALLBACK, Reply.AWAY
_SET_UP = {
    # state:                     new      invited    away    open       leaving over
    HookState.RINGING: (_STREAM, _STREAM, _AWAY, _EMPTY, _EMPTY, _EMPTY),
    HookState.ANSWERED: (_STREAM, _STREAM, _AWAY, _EMPTY, _EMPTY, _EMPTY),
    HookState.UNKNOWN: (_STREAM, _EMPTY, _EMPTY, _EMPTY, _DIAL, _EMPTY),
    HookState.STREAM_STOPPED: (_EMPTY, _FALLBACK, _FALLBACK, _FALLBACK, _DIAL, _EMPTY),
    HookState.STREAM_ERROR: (_EMPTY, _FALLBACK, _FALLBACK, _FALLBACK, _DIAL, _EMPTY),
    HookState.DIAL_COMPLETED: (_EMPTY, _EMPTY, _EMPTY, _EMPTY, Reply.APOLOGY, _EMPTY),
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
    if call.onward is not None:
        return Standing.LEAVING
    if call.opened_at is not None:
        return Standing.OPEN
    if is_turned_away(call):
        return Standing.AWAY
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
