"""Rings the humans of one business by the carrier's REST API: `pokea.transfer.Exchange`.

Whatever was decided before, nothing is dialled here that the business's directory does not hold, that its dial policy does not allow, or
that is a line of our own. The numbers themselves come from the stored hand-off, which took them from the directory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pokea.adapters.public_http import PublicHttp
from pokea.billing.spend import Need, SpendGuard
from pokea.calls import Call, is_over
from pokea.dial_policy import DialPolicy
from pokea.directory import Directory
from pokea.errors import CallError, Conflict, Denied, NotFound, Unavailable
from pokea.ids import CallId, SessionId
from pokea.lines import Line
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.ports import CallStore
from pokea.profile import Profile
from pokea.sautikit.attempts import OutboundRequest, Progress, Telephony, place
from pokea.transfer import Handoff, attempt_key, handoff_label

AGENT = "whisper"
MAX_TRIES = 5  # writers of one call at one moment
NOTIFY_TIMEOUT_S = 0.8


class Switchboard(Telephony, Protocol):
    def hang_up(self, call: SessionId | CallId) -> None: ...


@dataclass(frozen=True, slots=True)
class Reach:
    """What an exchange works with. `continues`: the carrier goes on after a stream. `guard`: who minds the business's money."""

    calls: Callable[[], CallStore]
    telephony: Callable[[], Switchboard]
    voice_callback_url: Callable[[], str]
    own_numbers: frozenset[E164]
    continues: bool
    http: Callable[[], PublicHttp]
    guard: SpendGuard | None = None


def exchange_of(reach: Reach, profile: Profile) -> SautikitExchange:
    return SautikitExchange(reach, profile.line, profile.directory, profile.country)


class SautikitExchange:
    def __init__(self, reach: Reach, line: Line, directory: Directory, country: str) -> None:
        self._reach = reach
        self._line = line
        self._directory = directory
        self._country = country

    @property
    def policy(self) -> DialPolicy:
        return self._directory.policy

    @property
    def may_dial(self) -> bool:
        return self._reach.continues

    def ring(self, handoff: Handoff) -> None:
        caller = self._reach.calls().call(handoff.session_id)
        if caller is not None and is_over(caller):
            raise Conflict("call_over", "the caller has hung up meanwhile")
        request = OutboundRequest(
            line=self._line,
            to_number=self._allowed(handoff),
            agent=AGENT,
            context={"handoff": handoff.handoff_id},
            idempotency_key=attempt_key(handoff),
        )
        outcome = place(
            request,
            store=self._reach.calls(),
            telephony=self._reach.telephony(),
            voice_callback_url=self._reach.voice_callback_url(),
            now=handoff.created_at,
            guard=self._reach.guard,
            need=Need.PERSON,
        )
        if outcome.progress is Progress.FAILED:
            raise Denied("call_refused", "the carrier refused this call before")

    def leave_word(self, handoff: Handoff, words: str) -> None:
        if not self.may_dial:
            raise Denied("carrier_does_not_continue", "nothing shows that the carrier goes on after a stream")
        onward = Onward(
            handoff_id=handoff.handoff_id,
            number=self._allowed(handoff),
            words=words,
            language=f"{handoff.language}-{self._country}",
            ring_s=self._directory.rules.ring_s,
        )
        self._reserved(handoff)
        try:
            self._settle(handoff.session_id, lambda call: _left(call, onward))
        except (Conflict, NotFound):
            self._given_back(handoff)
            raise

    def hang_up(self, call: SessionId | CallId) -> None:
        try:
            self._reach.telephony().hang_up(call)
        except (NotFound, Denied, Unavailable):
            return

    def notify(self, url: str, news: Mapping[str, str]) -> None:
        body = json.dumps(news).encode()
        try:
            self._reach.http().request(
                "POST", url, headers={"content-type": "application/json"}, content=body, timeout_s=NOTIFY_TIMEOUT_S
            )
        except CallError:
            return

    def _reserved(self, handoff: Handoff) -> None:
        """The carrier dials later and asks nobody, so the money is set aside with the word that is left. Raises Denied and Unavailable."""
        if self._reach.guard is not None:
            label = handoff_label(handoff.business_id, handoff.handoff_id)
            self._reach.guard.admit(handoff.business_id, label, handoff.number, Need.PERSON, handoff.created_at)

    def _given_back(self, handoff: Handoff) -> None:
        """No word was left, now or before: the carrier dials nobody."""
        call = self._reach.calls().call(handoff.session_id)
        if self._reach.guard is not None and (call is None or call.onward is None):
            label = handoff_label(handoff.business_id, handoff.handoff_id)
            self._reach.guard.release(handoff.business_id, label, handoff.created_at)

    def _allowed(self, handoff: Handoff) -> E164:
        """The number to ring. Raises Denied."""
        number = handoff.number
        if number not in {person.number for person in self._directory.people.values()}:
            raise Denied("not_in_directory", "only numbers of the directory are rung")
        if number in self._reach.own_numbers:
            raise Denied("own_number", "a line of our own is not rung")
        if problem := self.policy.problem_with(number):
            raise Denied("dial_policy", f"the dial policy forbids this number: {problem.value}")
        return number

    def _settle(self, session_id: SessionId, change: Callable[[Call], Call]) -> None:
        for _ in range(MAX_TRIES):
            call = self._reach.calls().call(session_id)
            if call is None:
                raise NotFound("no_such_call", "the call is not known")
            try:
                self._reach.calls().put_call(change(call))
            except Conflict as lost:
                if lost.code != "stale":
                    raise
                continue
            return
        raise Unavailable("call_contended", "the call changed too often while it was being read", retry_after_s=0.1)


def _left(call: Call, onward: Onward) -> Call:
    if is_over(call):
        raise Conflict("call_over", "the call has already ended")
    if call.onward is not None and call.onward.given_at is not None:
        raise Conflict("already_dialled", "the carrier was told to dial before")
    return replace(call, onward=onward)
