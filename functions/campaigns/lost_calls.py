"""Requests for calls that the carrier never answered: asks what became of them, and never asks for the call again.

First what the hooks have said, which is stored under the label of the attempt, and only then the carrier's list of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pokea.adapters.observability import Log
from pokea.campaigns import unknowns
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.seeking import CallList, Search, read_on
from pokea.ports import CallStore
from pokea.sautikit.labels import attempt_session


@dataclass(frozen=True, slots=True)
class Looked:
    """`contacts`: those of whom something is known by now, as they are to be stored. `search`: how far the carrier's list has been read,
    to be stored after them; None: it was not asked for."""

    contacts: list[Contact]
    search: Search | None


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

    def settled(self, contacts: Sequence[Contact], last: Search | None, now: datetime) -> Looked:
        """`last`: how far the list was read at the look before."""
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
        search = None if self._is_over() else unknowns.search_for(unheard, last, now)
        if search is None:
            return Looked(found, None)
        search, legs = read_on(self._books(), search, self._is_over)
        for contact in unheard:
            seen = unknowns.sighting(contact, legs, is_whole=unknowns.shows_none(search, contact))
            after = unknowns.settled(contact, attempts[contact.label], seen, now)
            if after is not None:
                found.append(after)
        if not search.is_done:
            self._log.warning("carrier's list not read to its end", count=len(unheard))
            self._log.count("CarrierListNotRead")
        return Looked(found, search)
