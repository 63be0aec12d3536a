"""Hand-offs with one safeguard taken out each. Every attack must be seen to succeed against the build that lacks its safeguard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import jwt

from functions.api.cards import CardDesk
from pokea.adapters.exchange import SautikitExchange
from pokea.adapters.tokens import CardToken
from pokea.dial_policy import DialPolicy
from pokea.directory import Directory, Person
from pokea.errors import NotFound
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.transfer import HANDOFF, Exchange, Handoff
from tests.support.control_plane import ControlPlane
from tests.support.dialling import DiallingPlane


class _Trusting(SautikitExchange):
    """Dials whatever a hand-off holds."""

    def _allowed(self, handoff: Handoff) -> E164:
        return handoff.number


class DialPolicySkipped(ControlPlane):
    """Checks numbers when a profile is read, and never again."""

    def make_exchange(self, profile: Profile) -> Exchange:
        return _Trusting(self.reach, profile.line, profile.directory, profile.country)


class DialPolicySkippedByCarrier(DiallingPlane):
    def make_exchange(self, profile: Profile) -> Exchange:
        return _Trusting(self.reach, profile.line, profile.directory, profile.country)


@contextmanager
def policy_at_the_desk_skipped() -> Iterator[None]:
    """The desk takes every number of the directory for a good one. The exchange, which asks again, is another object."""
    from pokea import directory

    def trusting(found: Directory, key: str, now: object) -> Person:
        return found.people[key]

    with (
        mock.patch.object(directory, "resolve", trusting),
        mock.patch("pokea.desk.handover.resolve", trusting),
    ):
        yield


@contextmanager
def number_from_arguments() -> Iterator[None]:
    """Puts callers through to the number they ask for."""
    find = Directory.find

    def obliging(self: Directory, said: str) -> Person | None:
        digits = re.sub(r"\D", "", said)
        usual = next(iter(self.people.values()))
        return replace(usual, number=E164("+" + digits)) if len(digits) >= 7 else find(self, said)

    def trusting(found: Directory, key: str, now: object) -> Person:
        return _asked_for[-1]

    _asked_for: list[Person] = []

    def remembering(self: Directory, said: str) -> Person | None:
        person = obliging(self, said)
        if person is not None:
            _asked_for.append(person)
        return person

    with (
        mock.patch.object(Directory, "find", remembering),
        mock.patch("pokea.desk.handover.resolve", trusting),
        mock.patch.object(DialPolicy, "problem_with", lambda self, number: None),
    ):
        yield


class CardUnchecked(CardDesk):
    """Reads a card's address without looking at its signature, its age or whether it was revoked."""

    def handoff(self, token: str) -> tuple[Handoff, Profile]:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise NotFound("no_such_card") from None
        card = CardToken(
            handoff_id=str(claims.get("hid", "")),
            session_id=SessionId(str(claims.get("sid", ""))),
            business_id=BusinessId(str(claims.get("biz", ""))),
        )
        handoff = self._store().record(HANDOFF, card.business_id, card.handoff_id)
        if handoff is None:
            raise NotFound("no_such_card")
        return handoff, self._profiles()[card.business_id]
