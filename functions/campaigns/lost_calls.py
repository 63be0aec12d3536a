"""Requests for calls that the carrier never answered: asks what became of them, and never asks for the call again.

First what the hooks have said, which is stored under the label of the attempt, and only then the carrier's list of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pokea.adapters.observability import Log
from pokea.campaigns import unknowns
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.seeking import CallList, Listed, placed_between
from pokea.ports import CallStore
from pokea.sautikit.labels import attempt_session

NOTHING = Listed((), is_whole=False)


class LostCalls:
    """`is_over`: whether too little time is left to ask the carrier for its list."""

    def __init__(
        self,
        *,
        calls: Callable[[], CallStore],
        books: Callable[[], CallList],
        log: Log,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._calls = calls
        self._books = books
        self._log = log
        self._is_over = is_over

    def settled(self, contacts: Sequence[Contact], now: datetime) -> list[Contact]:
        """Those of `contacts` of whom something is known by now, as they are to be stored."""
        asked = [contact for contact in contacts if contact.state is ContactState.ASKED]
        attempts = {contact.label: self._calls().call(attempt_session(contact.label)) for contact in asked}
        found: list[Contact] = []
        unheard: list[Contact] = []
        for contact in asked:
            after = unknowns.settled(contact, attempts[contact.label], unknowns.NOT_READ, now)
            if after is not None:
                found.append(after)
            elif contact.sought_at is not None:
                unheard.append(contact)
        listed = self._listed(unheard)
        for contact in unheard:
            seen = unknowns.sighting(contact, listed.legs, is_whole=listed.is_whole)
            after = unknowns.settled(contact, attempts[contact.label], seen, now)
            if after is not None:
                found.append(after)
        return found

    def _listed(self, contacts: Sequence[Contact]) -> Listed:
        """The carrier's list about the times of these attempts."""
        span = unknowns.window(contacts)
        if span is None or self._is_over():
            return NOTHING
        listed = placed_between(self._books(), *span)
        if not listed.is_whole:
            self._log.warning("carrier's list not read to its end", count=len(contacts))
            self._log.count("CarrierListNotRead")
        return listed
