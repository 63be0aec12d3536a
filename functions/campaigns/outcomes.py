"""What came out of a campaign, page by page: each contact with its lead, its recording and what all its calls cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from pokea.billing.cdr import Cdr
from pokea.campaigns.contact import Contact
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.results import ResultRow, row_of
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD
from pokea.ports import CallStore, CdrStore, Records
from pokea.sautikit.closings import Closing
from pokea.sautikit.labels import attempt_session

READERS = 16  # rows that are put together at once


class Closings(Protocol):
    def closing(self, session_id: SessionId) -> Closing | None: ...


@dataclass(frozen=True, slots=True)
class ResultShelves:
    campaigns: CampaignStore
    records: Records
    calls: CallStore
    closings: Closings
    cdrs: CdrStore


class Outcomes:
    def __init__(self, shelves: Callable[[], ResultShelves], currency_of: Callable[[BusinessId], str]) -> None:
        self._shelves = shelves
        self._currency_of = currency_of

    def rows(self, contacts: Iterable[Contact]) -> list[ResultRow]:
        found = list(contacts)
        if not found:
            return []
        with ThreadPoolExecutor(min(READERS, len(found))) as readers:
            return list(readers.map(self._row, found))

    def _row(self, contact: Contact) -> ResultRow:
        shelves, session_id = self._shelves(), contact.session_id
        lead = shelves.records.record(LEAD, contact.business_id, session_id) if session_id else None
        closing = shelves.closings.closing(session_id) if session_id else None
        currency = self._currency_of(contact.business_id)
        return row_of(contact, lead, closing.recording if closing else None, self._cdrs(shelves, contact), currency)

    def _cdrs(self, shelves: ResultShelves, contact: Contact) -> Sequence[Cdr]:
        """The detail records of all attempts of this contact; none at all where those of one are missing, so that no cost is shown that is
        too low."""
        if not contact.attempts:
            return ()
        sessions = self._sessions(shelves, contact)
        found = [shelves.cdrs.cdrs(session_id) for session_id in sessions]
        return [cdr for legs in found for cdr in legs] if len(sessions) >= contact.attempts and all(found) else ()

    def _sessions(self, shelves: ResultShelves, contact: Contact) -> list[SessionId]:
        """The calls that the attempts of this contact became."""
        labels = dict.fromkeys(shelves.campaigns.attempts(contact.business_id, contact.number).labels)
        sessions: dict[SessionId, None] = {}
        for label in labels:
            owner = shelves.campaigns.contact_of_label(label) if label != contact.label else contact
            if owner is None or owner.campaign_id != contact.campaign_id:
                continue
            attempt = shelves.calls.call(attempt_session(label))
            if attempt is not None and attempt.placed_as is not None:
                sessions[attempt.placed_as] = None
        if contact.session_id is not None:
            sessions[contact.session_id] = None
        return list(sessions)
