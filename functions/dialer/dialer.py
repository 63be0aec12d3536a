"""One message of the dial queue: claim, pass the gate, note the attempt, ask the carrier, note what it said.

Every step is stored before the next one begins and fenced by the contact's version. So of any number of dialers with any number of copies
of a message one asks, wherever the others stop; and whoever dies leaves a contact that is either not asked for yet, or asked for under a
label by which its call can be found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from functions.dialer.one_call import OneCall
from functions.dialer.sight import Exchange, look_again, look_at
from functions.dialer.tickets import Ticket, ticket_of
from functions.dialer.turns import FRESH, GATE_SHUT, PATIENCE_S, TURN_MISSED, Asking, InTurn, Lead, Wait
from pokea.adapters.observability import Log
from pokea.campaigns import moves
from pokea.campaigns.briefing import context_of
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.claims import claim_of
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.gate import BUDGET, CHANNELS, NOT_RUNNING, Look, Never, NotNow, Way, gate, spread
from pokea.campaigns.pacing import gap_s
from pokea.campaigns.ports import CHANNELS_FULL, LIVE, Attempts
from pokea.campaigns.refusals import Meaning, meaning_of
from pokea.campaigns.suppressing import block
from pokea.clock import Clock
from pokea.errors import CallError, Conflict, RejectedInput, Unavailable
from pokea.hours import local
from pokea.ids import BusinessId, SessionId
from pokea.lines import Line
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.sautikit.attempts import OutboundRequest, Progress, place
from pokea.sautikit.labels import label_of

SOON_S = 60  # who is put off for no longer stays queued; the others are found by the planner
STORE_WAITS_S = 30
MISSED_WAITS_S = 5  # coming back at once would make a slow store slower
LOOKS = 3  # at what others keep changing
PACE = "pace"
NO_LINE = "no_line"
Again = Callable[[Mapping[str, object], int], None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read of one contact at `at`."""

    at: datetime
    look: Look
    attempts: Attempts
    way: Way

    @property
    def campaign(self) -> Campaign:
        return self.look.campaign


class Dialer:
    """`again`: has a message delivered once more after so many seconds. `wait`: sleeps."""

    def __init__(
        self,
        *,
        exchange: Callable[[], Exchange],
        profiles: Mapping[BusinessId, Profile],
        lines: Mapping[E164, Line],
        policies: Policies,
        voice_callback_url: Callable[[], str],
        clock: Clock,
        wait: Wait,
        again: Again,
        log: Log,
    ) -> None:
        self._exchange = exchange
        self._profiles, self._lines, self._policies = profiles, lines, policies
        self._voice_callback_url = voice_callback_url
        self._clock, self._wait, self._again = clock, wait, again
        self._log = log
        self._lead = Lead()

    def take(self, body: str) -> None:
        """Returns when nothing is left to do for this message, whatever became of the call. Raises Unavailable or Indeterminate to have it
        delivered again, and RejectedInput for what is no such message."""
        ticket = ticket_of(body)
        profile = self._profiles.get(ticket.business_id)
        if profile is None:
            raise RejectedInput("no_such_business", "the business is not known here")
        exchange = self._exchange()
        try:
            contact = self._claim(exchange, ticket)
            if contact is not None:
                self._dial(exchange, profile, contact)
        except Conflict as lost:
            # Somebody else moved the contact, and theirs is the later word.
            self._log.info("contact moved meanwhile", business_id=ticket.business_id, code=lost.code)

    def warm(self) -> None:
        self._exchange()
        self._voice_callback_url()

    def _claim(self, exchange: Exchange, ticket: Ticket) -> Contact | None:
        """The contact, CLAIMED for this message by the planner or here; None: the message is a copy, or late. Raises Conflict("stale")."""
        contact = exchange.campaigns.contact(ticket.business_id, ticket.campaign_id, ticket.contact_id)
        if contact is None:
            return None
        ahead = contact.version - ticket.contact_version
        # One ahead: the claim of an earlier delivery of this message, or somebody who was held since and has a later message.
        if contact.state is ContactState.CLAIMED and (ahead == 0 or (ahead == 1 and not contact.reason)):
            return contact
        if contact.state is ContactState.WAITING and ahead == 0:
            return exchange.campaigns.put_contact(moves.claimed(contact, self._clock.now()))
        return None

    def _dial(self, exchange: Exchange, profile: Profile, contact: Contact) -> None:
        for _ in range(LOOKS):
            seen = self._look(exchange, profile, contact)
            began = self._clock.now()
            turn = self._turn(exchange, contact, seen)
            if isinstance(turn, datetime) and self._waited_for(turn):
                began = self._clock.now()
                seen = self._look(exchange, profile, contact)
            way = seen.way if not isinstance(turn, NotNow) else turn
            if isinstance(way, Never):
                self._move(exchange, moves.excluded(contact, way.reason), way.reason)
                return
            if isinstance(way, NotNow) or not isinstance(turn, datetime):
                self._put_off(exchange, contact, way if isinstance(way, NotNow) else NotNow(seen.at, PACE))
                return
            line = self._lines.get(E164(seen.campaign.from_number))
            if line is None or line.business_id != contact.business_id:
                self._put_off(exchange, contact, NotNow(seen.at, NO_LINE, is_campaign=True))
                return
            try:
                asked = self._note(exchange, contact, seen)
            except Conflict as lost:
                if lost.code == CHANNELS_FULL:
                    self._put_off(exchange, contact, NotNow(spread(seen.at, contact), CHANNELS))
                    return
                if lost.facts.get("changed") != ["attempts"]:
                    raise
                continue  # another campaign has just rung this number: the law is to be asked again
            in_turn = self._in_turn(exchange, contact, seen, turn)
            self._ask(exchange, profile, line, asked, seen.campaign, in_turn)
            if in_turn.came_at is not None:
                self._lead.took((in_turn.came_at - began).total_seconds())
            return
        self._put_off(exchange, contact, NotNow(spread(self._clock.now(), contact), CHANNELS))

    # --- before the carrier is asked ----------------------------------------------------------------------------------------------
    def _look(self, exchange: Exchange, profile: Profile, contact: Contact) -> _Seen:
        """Everything the gate asks for, read now. Raises what the stores raise: who cannot be looked at is not rung."""
        now = self._clock.now()
        attempts, look = look_at(exchange, profile, contact, contact.number in self._lines, now)
        return _Seen(now, look, attempts, gate(look, self._policies, now))

    def _turn(self, exchange: Exchange, contact: Contact, seen: _Seen) -> datetime | NotNow | None:
        """The instant at which the carrier may be asked; None if the gate is shut anyway."""
        if isinstance(seen.way, (Never, NotNow)):
            return None
        wanted, gap = self._clock.now() + timedelta(seconds=self._lead.s), gap_s(seen.campaign.cps)
        turn = exchange.campaigns.take_turn(contact.business_id, contact.campaign_id, wanted, gap, PATIENCE_S)
        if turn > wanted + timedelta(seconds=PATIENCE_S):
            return NotNow(spread(turn, contact), PACE)
        return turn

    def _waited_for(self, turn: datetime) -> bool:
        """Whether the gate has to be asked again, because its answer would be too old when the turn comes."""
        early_s = (turn - self._clock.now()).total_seconds() - self._lead.s
        if early_s <= FRESH.total_seconds() / 4:
            return False
        self._wait(early_s)
        return True

    def _in_turn(self, exchange: Exchange, contact: Contact, seen: _Seen, turn: datetime) -> InTurn:
        def turn_from(wanted: datetime) -> datetime | None:
            name, gap = (contact.business_id, contact.campaign_id), gap_s(seen.campaign.cps)
            found = exchange.campaigns.take_turn(*name, wanted, gap, PATIENCE_S)
            return found if found <= wanted + timedelta(seconds=PATIENCE_S) else None

        def look() -> Way:
            now = self._clock.now()
            return gate(look_again(exchange, seen.look), self._policies, now)

        asking = Asking(turn_from=turn_from, look=look)
        return InTurn(asking, turn=turn, looked_at=seen.at, clock=self._clock, wait=self._wait)

    def _note(self, exchange: Exchange, contact: Contact, seen: _Seen) -> Contact:
        """The attempt, stored with its label and its channel. Raises Conflict("stale") and Conflict("channels_full")."""
        label = label_of(contact.business_id, attempt_key(contact))
        asked = moves.asked(contact, label, self._clock.now())
        return exchange.campaigns.begin(asked, seen.campaign.channels, seen.attempts)

    # --- asking, and after --------------------------------------------------------------------------------------------------------
    def _ask(
        self, exchange: Exchange, profile: Profile, line: Line, contact: Contact, campaign: Campaign, in_turn: InTurn
    ) -> None:
        request = OutboundRequest(
            line=line,
            to_number=contact.number,
            agent=campaign.agent,
            context=context_of(contact, campaign),
            idempotency_key=attempt_key(replace(contact, version=contact.version - 1)),
        )
        call = OneCall(exchange.telephony, exchange.guard, in_turn)
        try:
            outcome = place(
                request,
                store=exchange.calls,
                telephony=call,
                voice_callback_url=self._voice_callback_url(),
                now=self._clock.now(),
                guard=call,
            )
        except CallError as problem:
            self._refused(exchange, profile, contact, call, problem)
            return
        if outcome.progress is Progress.RINGING:
            self._rings(exchange, contact, outcome.session_id)
        else:
            self._tell(contact, "unknown", call.said.code if call.said is not None else "")

    def _rings(self, exchange: Exchange, contact: Contact, session_id: SessionId | None) -> None:
        self._later(exchange, contact, lambda known: moves.ringing(known, session_id), is_rung=True)
        self._tell(contact, "ringing", "")

    def _refused(
        self, exchange: Exchange, profile: Profile, contact: Contact, call: OneCall, problem: CallError
    ) -> None:
        """What `place` raised. Where the request never went out, nobody was rung, whatever else is wrong."""
        now = self._clock.now()
        if call.said is None:
            if call.is_asked:
                self._tell(contact, "unknown", problem.code)
                return
            waits_s = {GATE_SHUT: 0, TURN_MISSED: MISSED_WAITS_S}.get(problem.code, STORE_WAITS_S)
            meaning = Meaning(reason=problem.code, at=now + timedelta(seconds=waits_s))
        else:
            meaning = meaning_of(call.said, now, _day_ends(profile, now))
        if meaning.holds_until is not None:
            exchange.campaigns.hold_pace(contact.business_id, contact.campaign_id, meaning.holds_until)
        if meaning.pauses:
            self._pause(exchange, contact, meaning.pauses)
        if (ends := meaning.ends) is not None:
            if ends is Disposition.BLOCKED:
                block(exchange.records, exchange.campaigns, contact, now)
            self._later(exchange, contact, lambda known: moves.done(known, ends, meaning.reason))
        elif meaning.at is not None:
            at = spread(meaning.at, contact) if meaning.at > now else now
            known = self._later(exchange, contact, lambda known: moves.not_rung(known, at, meaning.reason))
            self._soon(known, at)
        self._tell(contact, "refused" if meaning.ends or meaning.at else "unknown", meaning.reason)

    def _later(
        self, exchange: Exchange, contact: Contact, step: Callable[[Contact], Contact], *, is_rung: bool = False
    ) -> Contact | None:
        """Moves the contact on from ASKED, if it still is under this label: a hook or a look at the list may have come before."""
        store, known = exchange.campaigns, contact
        for _ in range(LOOKS):
            try:
                after = step(known)
                return store.put_contact(after) if is_rung else store.take_back(after, contact.label)
            except Conflict:
                found = store.contact(contact.business_id, contact.campaign_id, contact.contact_id)
                if found is None or found.state is not ContactState.ASKED or found.label != contact.label:
                    return None
                known = found
        raise Unavailable("busy", "the contact is being written by many at once", retry_after_s=0.5)

    def _put_off(self, exchange: Exchange, contact: Contact, put_off: NotNow) -> None:
        if put_off.is_campaign:
            self._pause(exchange, contact, "budget_spent" if put_off.reason == BUDGET else put_off.reason)
        now = self._clock.now()
        is_soon = put_off.at - now <= timedelta(seconds=SOON_S)
        if is_soon and not put_off.is_campaign and put_off.reason != NOT_RUNNING:
            held = self._move(exchange, moves.held(contact, put_off.at, put_off.reason, now), put_off.reason)
            if self._told_later(held, put_off.at):
                return
            contact = held  # without its message: the planner finds who waits
        self._move(exchange, moves.waiting(contact, put_off.at, put_off.reason), put_off.reason)

    def _move(self, exchange: Exchange, contact: Contact, reason: str) -> Contact:
        moved = exchange.campaigns.put_contact(contact)
        self._tell(contact, moved.state.value, reason)
        return moved

    def _pause(self, exchange: Exchange, contact: Contact, reason: str) -> None:
        for _ in range(LOOKS):
            campaign = exchange.campaigns.campaign(contact.business_id, contact.campaign_id)
            if campaign is None or campaign.state is not CampaignState.RUNNING:
                return
            try:
                exchange.campaigns.put_campaign(replace(campaign, state=CampaignState.PAUSED, reason=reason))
            except Conflict:
                continue
            self._log.warning("campaign paused", business_id=contact.business_id, reason=reason)
            self._log.count("CampaignPaused")
            return

    def _soon(self, contact: Contact | None, at: datetime) -> None:
        """A message for who was not rung and may be in a moment. Without it the planner finds them, a little later."""
        if contact is None or contact.state is not ContactState.WAITING:
            return
        if at - self._clock.now() <= timedelta(seconds=SOON_S):
            self._told_later(contact, at)

    def _told_later(self, contact: Contact, at: datetime) -> bool:
        """Whether the queue has taken a message that comes at `at`."""
        try:
            self._again(claim_of(contact), max(math.ceil((at - self._clock.now()).total_seconds()), 0))
        except CallError as problem:
            self._log.warning("message not sent", business_id=contact.business_id, code=problem.code)
            return False
        return True

    def _tell(self, contact: Contact, outcome: str, reason: str) -> None:
        label = contact.label if contact.state in LIVE else None
        self._log.info(
            "dialled", business_id=contact.business_id, client_request_id=label, outcome=outcome, reason=reason
        )
        self._log.count("Dialled", outcome=outcome)


def attempt_key(contact: Contact) -> str:
    """What makes one attempt one: the contact as it stood when it was asked for. Every later try finds another version."""
    return f"campaign/{contact.campaign_id}/{contact.contact_id}/{contact.version}"


def _day_ends(profile: Profile, now: datetime) -> datetime:
    """The business's next midnight: its spending cap is one of a day."""
    tomorrow = local(now, profile.tz).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), profile.tz).astimezone(UTC)
