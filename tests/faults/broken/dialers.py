"""The dialer with one safeguard taken out each. Every check of F5 must be seen to catch the one that lacks its safeguard."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from functions.dialer.dialer import Dialer
from functions.dialer.sight import Exchange
from functions.dialer.turns import InTurn
from pokea.adapters.sautikit_rest import PlacedCall
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.gate import Dial
from pokea.campaigns.ports import Attempts
from pokea.errors import Indeterminate
from tests.fakes.memory_campaigns import MemoryCampaigns


class BlindlyAgain:
    """A carrier's client that asks once more when no answer came; under a new key, because the first one "did not work"."""

    def __init__(self, carrier: Any) -> None:
        self._carrier = carrier

    def place_call(self, **wish: Any) -> PlacedCall:
        try:
            placed: PlacedCall = self._carrier.place_call(**wish)
        except Indeterminate:
            placed = self._carrier.place_call(**{**wish, "idempotency_key": wish["idempotency_key"] + "b"})
        return placed

    def list_calls(self, **query: str) -> Any:
        return self._carrier.list_calls(**query)


class NoAnswerIsNoCall(Dialer):
    """Whoever got no answer takes it for a refusal, and has the contact rung again."""

    def _ask(self, exchange: Exchange, profile: Any, line: Any, contact: Contact, *rest: Any) -> None:
        super()._ask(exchange, profile, line, contact, *rest)
        known = exchange.campaigns.contact(contact.business_id, contact.campaign_id, contact.contact_id)
        if known is not None and known.state is ContactState.ASKED:
            exchange.campaigns.take_back(moves.not_rung(known, self._clock.now(), "no_answer"), contact.label)


class GateAtTheQueue(Dialer):
    """What the planner found counts: at the moment of dialling nothing is asked again."""

    def _look(self, exchange: Exchange, profile: Any, contact: Contact) -> Any:
        return replace(super()._look(exchange, profile, contact), way=Dial(()))


class OneTurnOnly(Dialer):
    """Whoever has missed a turn gives up, and comes back to the same slow store."""

    def _in_turn(self, *seen: Any) -> InTurn:
        in_turn = super()._in_turn(*seen)
        in_turn._asking = replace(in_turn._asking, turn_from=lambda wanted: None)
        return in_turn


class LateAllTheSame(Dialer):
    """A turn is the earliest moment, and any later one is as good."""

    def _in_turn(self, *seen: Any) -> InTurn:
        in_turn = super()._in_turn(*seen)
        in_turn._is_in_time = lambda: True  # type: ignore[method-assign]
        return in_turn


class TakesNoPlace(Dialer):
    """Whoever is put off for seconds has a message, and waits like somebody who has none: each plan queues others in their place."""

    def _put_off(self, exchange: Exchange, contact: Contact, put_off: Any) -> None:
        known = self._move(exchange, moves.waiting(contact, put_off.at, put_off.reason), put_off.reason)
        self._soon(known, put_off.at)


class UnfencedCampaigns(MemoryCampaigns):
    """Attempts are begun by whoever comes, whatever version they have read."""

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        stored = self.contact(contact.business_id, contact.campaign_id, contact.contact_id)
        assert stored is not None
        known = self.attempts(contact.business_id, contact.number)
        return super().begin(replace(contact, version=stored.version), channels, known)


class CountedChannels(MemoryCampaigns):
    """Channels in use are a number beside the contacts: up when the carrier says that it rings, down when a call has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._in_use = 0

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        return super().begin(contact, 1_000_000, attempts)

    def put_contact(self, contact: Contact) -> Contact:
        self._in_use += (contact.state is ContactState.RINGING) - (contact.state is ContactState.DONE)
        return super().put_contact(contact)

    def live(self, *name: Any) -> tuple[str, ...]:
        return ("somebody",) * max(0, self._in_use)


class WholeSeconds(MemoryCampaigns):
    """Turns are counted by seconds of the clock: the end of one and the beginning of the next make a second too."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[datetime, int] = {}

    def take_turn(self, business_id: Any, campaign_id: str, now: datetime, gap_s: float, patience_s: float) -> datetime:
        second, most = now.replace(microsecond=0), round(1.1 / gap_s)
        while self._given.get(second, 0) >= most:
            second += timedelta(seconds=1)
        turn = max(now, second)
        if turn <= now + timedelta(seconds=patience_s):
            self._given[second] = self._given.get(second, 0) + 1
        return turn


class NotesNothing:
    """A store that is told of an attempt only once it rings: what is asked for stands nowhere before."""

    def __init__(self, campaigns: Any) -> None:
        self._campaigns = campaigns

    def __getattr__(self, name: str) -> Any:
        return getattr(self._campaigns, name)

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        return contact
