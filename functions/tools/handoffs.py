"""The operation `handoff`: how far a hand-off has come, and what the two bridges report of it.

    owner   the bridge of the caller's call    status cancel joined ended
    human   the bridge of the human's leg      briefing accept decline ended

Who asks is told by the call token alone: the caller's call is the one that the hand-off was begun in, the human's leg the one that was
placed for it. Busy and unanswered legs are learnt from the rows that the carrier's hooks keep, so nothing here waits for anything.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from functions.tools.requests import HandoffAsked, HandoffRequest
from pokea.adapters.tokens import CallToken, CardToken, TokenSigner
from pokea.calls import Call, Direction, is_over
from pokea.desk.brief import brief_of
from pokea.desk.handover import outcome_of
from pokea.desk.settle import Decision, settle
from pokea.errors import CallError, Conflict, Unauthorized
from pokea.ids import SessionId
from pokea.ports import CallStore, Change, Store
from pokea.profile import Profile
from pokea.sautikit.labels import attempt_session
from pokea.toolkit import HandoffMode
from pokea.transfer import (
    FAILED_STATES,
    HANDOFF,
    OVER,
    Event,
    Exchange,
    Handoff,
    HandoffState,
    attempt_of,
    is_due,
    moved,
    seen_on_leg,
    seen_on_owner,
)
from pokea.words import say

WHISPER = "whisper"
GONE_S = 10  # how long a human is kept on the line only to hear that the caller has left
Result = dict[str, object]
log = logging.getLogger(__name__)


class Side(StrEnum):
    OWNER = "owner"
    HUMAN = "human"


# What each side may ask, and what it reports by it.
ASKS: Mapping[tuple[Side, HandoffAsked], Event | None] = {
    (Side.OWNER, HandoffAsked.STATUS): None,
    (Side.OWNER, HandoffAsked.CANCEL): Event.CANCEL,
    (Side.OWNER, HandoffAsked.JOINED): Event.JOIN,
    (Side.OWNER, HandoffAsked.ENDED): Event.CALLER_LEFT,
    (Side.HUMAN, HandoffAsked.BRIEFING): Event.OPENED,
    (Side.HUMAN, HandoffAsked.ACCEPT): Event.ACCEPT,
    (Side.HUMAN, HandoffAsked.DECLINE): Event.DECLINE,
    (Side.HUMAN, HandoffAsked.ENDED): Event.LEFT,
}
HANGS_UP = (HandoffAsked.CANCEL, HandoffAsked.ENDED)


@dataclass(frozen=True, slots=True)
class Books:
    calls: CallStore
    store: Store


@dataclass(frozen=True, slots=True)
class Legs:
    """The stored calls of one hand-off: the caller's, the attempt to ring the human, and what that became."""

    owner: Call | None
    attempt: Call | None
    leg: Call | None


@dataclass(frozen=True, slots=True)
class Brief:
    """What `open` adds for a human's leg. `handoff` is None when the caller has gone meanwhile."""

    language: str
    greeting: str
    handoff: Result | None


class HandoffDesk:
    def __init__(
        self,
        *,
        books: Callable[[], Books],
        exchange: Callable[[Profile], Exchange],
        signer: Callable[[], TokenSigner],
        public_url: str,
    ) -> None:
        self._books = books
        self._exchange = exchange
        self._signer = signer
        self._public_url = public_url

    def operate(self, request: HandoffRequest, token: CallToken, profile: Profile, now: datetime) -> Result:
        """Raises Unauthorized for whoever has no part in this hand-off, and whoever asks what is not theirs to ask."""
        books = self._books()
        handoff = books.store.record(HANDOFF, token.business_id, request.handoff_id)
        side = None if handoff is None else self._side(token, handoff)
        if handoff is None or side is None or (side, request.asked) not in ASKS:
            raise Unauthorized("not_your_handoff", "this call has no such part in such a hand-off")
        legs = self._legs(handoff)
        reported = ASKS[side, request.asked]
        before, handoff = self._after(handoff, legs, reported, now)
        if side is Side.OWNER:
            is_given_up = handoff.state is HandoffState.NO_ANSWER and before not in OVER
            if is_given_up or (request.asked in HANGS_UP and handoff.state in OVER):
                self._hang_up(legs, profile)
            handoff = self._told(handoff, profile, now)
        return {"state": handoff.state.value, "payload": _payload(side, request.asked, handoff)}

    def brief(self, call: Call, profile: Profile, now: datetime) -> Brief | None:
        """What the human of `call` hears first; None if no hand-off of ours placed this call. Moves the hand-off to `briefing`."""
        handoff = self._announced_by(call)
        if handoff is None:
            return None
        legs = self._legs(handoff)
        _, handoff = self._after(handoff, replace(legs, leg=call), Event.OPENED, now)
        language = handoff.spoken_to_person
        if handoff.state in OVER or legs.owner is None:
            return Brief(language, say(language, "brief_caller_gone"), None)
        order: Result = {"id": handoff.handoff_id, "owner_url": legs.owner.relay, "hop": handoff.hop}
        return Brief(language, brief_of(handoff, profile), order)

    def abandon(self, session_id: SessionId, profile: Profile, now: datetime) -> None:
        """The call of `session_id` is over: nobody is rung for it any longer, whatever its bridge knew. What fails here fails no close; the
        person then learns it when they pick up."""
        try:
            begun = self._books().store.records_by(HANDOFF, profile.business_id, session_id)
        except CallError as problem:
            log.warning("hand-offs of an ended call not read: %s", problem.code)
            return
        for handoff in begun:
            if handoff.state in OVER or handoff.mode is not HandoffMode.ATTENDED:
                continue
            try:
                legs = self._legs(handoff)
                self._after(handoff, legs, Event.CALLER_LEFT, now)
                self._hang_up(legs, profile)
            except CallError as problem:
                log.warning("hand-off %s not abandoned: %s", handoff.handoff_id, problem.code)

    def card_url(self, handoff: Handoff, now: datetime) -> str:
        card = CardToken(handoff_id=handoff.handoff_id, session_id=handoff.session_id, business_id=handoff.business_id)
        token = self._signer().card_token(card, issued_at=now)
        return f"{self._public_url}/cards/{token}"

    def _side(self, token: CallToken, handoff: Handoff) -> Side | None:
        if token.session_id == handoff.session_id:
            return Side.OWNER
        call = self._books().calls.call(token.session_id) if token.agent == WHISPER else None
        return Side.HUMAN if call is not None and _is_placed_for(call, handoff) else None

    def _announced_by(self, call: Call) -> Handoff | None:
        try:
            named = json.loads(call.open_metadata).get("handoff", "")
        except (ValueError, AttributeError):
            return None
        handoff = (
            self._books().store.record(HANDOFF, call.business_id, named) if isinstance(named, str) and named else None
        )
        return handoff if handoff is not None and _is_placed_for(call, handoff) else None

    def _legs(self, handoff: Handoff) -> Legs:
        calls = self._books().calls
        attempt = calls.call(attempt_of(handoff))
        leg = calls.call(attempt.placed_as) if attempt is not None and attempt.placed_as is not None else None
        return Legs(calls.call(handoff.session_id), attempt, leg)

    def _after(
        self, handoff: Handoff, legs: Legs, reported: Event | None, now: datetime
    ) -> tuple[HandoffState, Handoff]:
        """The state it was in, and the hand-off after everything that is known by now."""
        store = self._books().store

        def decide() -> Decision[tuple[HandoffState, Handoff]]:
            before = store.record(HANDOFF, handoff.business_id, handoff.handoff_id) or handoff
            after = before
            for event in (
                *seen_on_leg(legs.attempt, legs.leg),
                *seen_on_owner(legs.owner),
                *([reported] if reported else []),
            ):
                after = moved(after, event)
            if is_due(after, now):
                after = moved(after, Event.TIME_UP)
            change = None if after is before else Change(records=(HANDOFF.of(after),))
            return Decision((before.state, after), change)

        return settle(store, decide)

    def _hang_up(self, legs: Legs, profile: Profile) -> None:
        """End the human's leg, if it is known under any name and not over already."""
        if legs.leg is not None and is_over(legs.leg):
            return
        attempt = legs.attempt
        named = (attempt.placed_as or attempt.carrier_call_id) if attempt is not None else None
        if named is not None:
            self._exchange(profile).hang_up(named)

    def _told(self, handoff: Handoff, profile: Profile, now: datetime) -> Handoff:
        """Tell the person's own system, once, as soon as their telephone rings."""
        person = profile.directory.people.get(handoff.person)
        rings = handoff.state in (HandoffState.RINGING, HandoffState.BRIEFING)
        if person is None or not person.notify_url or not rings or handoff.notified_at is not None:
            return handoff
        store = self._books().store
        current = store.record(HANDOFF, handoff.business_id, handoff.handoff_id)
        if current is None or current.notified_at is not None:
            return handoff
        marked = replace(current, notified_at=now)
        try:
            store.apply(Change(records=(HANDOFF.of(marked),)))
        except Conflict:
            return handoff  # somebody else writes it this moment; the next question comes in a second
        news = {"card_url": self.card_url(handoff, now), "brief": brief_of(handoff, profile)}
        self._exchange(profile).notify(person.notify_url, news)
        return marked


def _is_placed_for(call: Call, handoff: Handoff) -> bool:
    label = call.client_request_id
    return (
        call.agent == WHISPER
        and call.direction is Direction.OUTBOUND
        and call.business_id == handoff.business_id
        and label is not None
        and attempt_session(label) == attempt_of(handoff)
    )


def _payload(side: Side, asked: HandoffAsked, handoff: Handoff) -> Result | None:
    if side is Side.OWNER:
        return outcome_of(handoff, handoff.language) if handoff.state in FAILED_STATES else None
    if asked is HandoffAsked.ACCEPT and handoff.state in OVER:
        return {"status": handoff.state.value, "say": say(handoff.spoken_to_person, "brief_caller_gone")}
    return None
