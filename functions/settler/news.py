"""Tells the bus of leads that are worth a call, each at least once and usually once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pokea.campaigns.contact import Contact
from pokea.campaigns.finishing import Emit
from pokea.campaigns.settling import Told, told_of
from pokea.campaigns.suppressing import RecordStore
from pokea.campaigns.told import TOLD, told
from pokea.campaigns.webhooks import detail_of_lead
from pokea.errors import Conflict
from pokea.ports import Change


class Newsroom:
    """`emit`: to the bus. What was told of is kept in the store, after it was told."""

    def __init__(self, store: Callable[[], RecordStore], emit: Emit) -> None:
        self._store = store
        self.emit = emit

    def tell_of_lead(self, contact: Contact, now: datetime) -> None:
        """Raises what the store and the bus raise: all of it is done again then."""
        if contact.disposition is None or not told_of(contact.disposition):
            return
        detail = detail_of_lead(contact, contact.disposition)
        name = str(detail["idempotency_key"])
        if self._store().record(TOLD, contact.business_id, name) is not None:
            return
        self.emit(Told.LEAD_QUALIFIED.value, detail)
        try:
            self._store().apply(Change(records=(TOLD.of(told(contact.business_id, name, now)),)))
        except Conflict:
            return  # somebody else has just told of the same
