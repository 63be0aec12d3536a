"""Handing a caller to a person: where it stands, as one table from which the diagram in docs/ is printed, and when something is due.

none      nobody was asked for
calling   the person is being called; the caller keeps the line and is told so now and then
briefing  the person is on the line and is told who waits
joined    the two speak with each other, and no model listens
over      the agent has the caller again, or the call ends

Both legs run on the same table: the caller's, and the person's own, which another bridge may have.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

from bridge.core.diagrams import draw

BRIEF_MS = 60_000.0  # the person's greeting, the brief and the answer, where the control plane does not say how long
OWN_LIMIT_MS = 15_000.0  # after the control plane's own limit
WAIT_LINE_MS = 10_000.0  # from one line that asks the caller to wait to the next
_BREATH_MS = 2_000.0  # of silence before the next one
HURRY_MS = 3_000.0  # something is known to have happened: the control plane must know what
ANSWER_MS = 5_000.0  # ... and must answer when the attempt is cancelled
PEER_SILENT_MS = (
    12_000.0  # a live leg sends 50 frames a second; its own bridge gives up on a dead one after ten seconds
)
GRACE_MS = 1_000.0  # between losing the other leg's bridge and giving up on it


class Stage(StrEnum):
    NONE = "none"
    CALLING = "calling"
    BRIEFING = "briefing"
    JOINED = "joined"
    OVER = "over"


class Cause(StrEnum):
    ORDERED = "ordered"
    BRIEFED = "briefed"  # the person has answered the phone
    ACCEPTED = "accepted"
    FAILED = "failed"  # nobody takes the caller
    LEFT = "left"  # one of the two hung up, or the end of this call has begun
    LOST = "lost"  # the other leg's bridge is gone


TABLE: dict[Stage, dict[Cause, Stage]] = {
    Stage.NONE: {
        Cause.ORDERED: Stage.CALLING,
        Cause.BRIEFED: Stage.NONE,
        Cause.ACCEPTED: Stage.NONE,
        Cause.FAILED: Stage.NONE,
        Cause.LEFT: Stage.NONE,
        Cause.LOST: Stage.NONE,
    },
    Stage.CALLING: {
        Cause.ORDERED: Stage.CALLING,
        Cause.BRIEFED: Stage.BRIEFING,
        Cause.ACCEPTED: Stage.JOINED,
        Cause.FAILED: Stage.OVER,
        Cause.LEFT: Stage.OVER,
        Cause.LOST: Stage.CALLING,  # what became of the person is the control plane's to say
    },
    Stage.BRIEFING: {
        Cause.ORDERED: Stage.BRIEFING,
        Cause.BRIEFED: Stage.BRIEFING,
        Cause.ACCEPTED: Stage.JOINED,
        Cause.FAILED: Stage.OVER,
        Cause.LEFT: Stage.OVER,
        Cause.LOST: Stage.BRIEFING,
    },
    Stage.JOINED: {
        Cause.ORDERED: Stage.JOINED,
        Cause.BRIEFED: Stage.JOINED,
        Cause.ACCEPTED: Stage.JOINED,
        Cause.FAILED: Stage.JOINED,  # old news
        Cause.LEFT: Stage.OVER,
        Cause.LOST: Stage.OVER,
    },
    Stage.OVER: {
        Cause.ORDERED: Stage.CALLING,  # another attempt
        Cause.BRIEFED: Stage.OVER,
        Cause.ACCEPTED: Stage.OVER,
        Cause.FAILED: Stage.OVER,
        Cause.LEFT: Stage.OVER,
        Cause.LOST: Stage.OVER,
    },
}


class Due(StrEnum):
    CALLING_LINE = "handoff_calling"  # these two are the names of the phrases
    WAIT_LINE = "handoff_wait"
    CANCEL = "cancel"  # it took too long: have the control plane end it
    FAIL = "fail"  # it does not answer that either
    PEER_GONE = "peer_gone"


class Handoff:
    def __init__(self) -> None:
        self.stage = Stage.NONE
        self._give_up_ms = inf
        self._cancelled = False
        self._told_ms: float | None = None  # when a line was last begun; None before the first
        self._gone_ms = inf

    @property
    def is_calling(self) -> bool:
        """The caller waits for a person."""
        return self.stage in (Stage.CALLING, Stage.BRIEFING)

    @property
    def is_joined(self) -> bool:
        return self.stage is Stage.JOINED

    def on(self, cause: Cause) -> bool:
        """True if the stage has changed."""
        before, self.stage = self.stage, TABLE[self.stage][cause]
        if self.stage is not before and not self.is_calling:
            self._give_up_ms = self._gone_ms = inf
        return self.stage is not before

    def ring(self, ring_s: int, now_ms: float, *, answer_s: int = 0) -> None:
        """A person is being called for the caller. `answer_s`: to ring and to answer, as the control plane counts it; 0: unknown."""
        self.on(Cause.ORDERED)
        self._give_up_ms = now_ms + (answer_s * 1000 + OWN_LIMIT_MS if answer_s else ring_s * 1000 + BRIEF_MS)
        self._cancelled, self._told_ms = False, None

    def hurry(self, now_ms: float) -> None:
        """It must be known soon how this ends."""
        self._give_up_ms = min(self._give_up_ms, now_ms + HURRY_MS)

    def peer_lost(self, now_ms: float) -> None:
        """In mid-conversation: perhaps the word why is still on its way."""
        if self.is_joined:
            self._gone_ms = min(self._gone_ms, now_ms + GRACE_MS)

    def peer_heard(self, now_ms: float) -> None:
        """In mid-conversation: the other leg's bridge is alive."""
        if self._gone_ms > now_ms + GRACE_MS:
            self._gone_ms = now_ms + PEER_SILENT_MS

    # --- what is due --------------------------------------------------------------------------------------------------------

    def due(self, now_ms: float, quiet_since_ms: float | None) -> Due | None:
        """The next thing that is due; ask again until None. `quiet_since_ms`: since when nobody speaks, None while somebody does."""
        if now_ms >= self._gone_ms:
            self._gone_ms = inf
            return Due.PEER_GONE
        if now_ms >= self._give_up_ms:
            if self._cancelled:
                self._give_up_ms = inf
                return Due.FAIL
            self._cancelled, self._give_up_ms = True, now_ms + ANSWER_MS
            return Due.CANCEL
        if now_ms >= self._line_ms(quiet_since_ms):
            first, self._told_ms = self._told_ms is None, now_ms
            return Due.CALLING_LINE if first else Due.WAIT_LINE
        return None

    def deadline_ms(self, quiet_since_ms: float | None) -> float:
        return min(self._gone_ms, self._give_up_ms, self._line_ms(quiet_since_ms))

    def _line_ms(self, quiet_since_ms: float | None) -> float:
        if self._give_up_ms == inf or quiet_since_ms is None or self._cancelled:
            return inf
        if self._told_ms is None:
            return quiet_since_ms
        return max(self._told_ms + WAIT_LINE_MS, quiet_since_ms + _BREATH_MS)


def diagram() -> str:
    return draw(TABLE, Stage.NONE, Stage.OVER)
