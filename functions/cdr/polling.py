"""Asking the carrier about a call: whatever it answers becomes a statement, and whatever goes wrong costs only this look.

A carrier that is down must not hold up a whole batch: once it has failed, the rest of the batch does without, and asks later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from pokea.adapters.observability import Log
from pokea.billing.cdr import Statement, Witness
from pokea.calls import Call
from pokea.errors import CallError, NotFound
from pokea.ids import BusinessId, CallId, SessionId
from pokea.sautikit.carrier_record import carrier_leg

MARGIN_S = 9.0  # of the function's time: two requests that time out, and the store for the rest of the batch
BATCH_S = 29.0  # where nobody says how much time there is
MAX_PAGES = 5  # of one session's records
MAX_EVENTS_DEPTH = 4

Json = Mapping[str, object]


class Books(Protocol):
    """The carrier's own records, as `pokea.adapters.sautikit_rest.Carrier` reads them."""

    def get_call(self, call: SessionId | CallId) -> Json:
        """Raises NotFound."""

    def list_calls(self, **query: str) -> tuple[Sequence[Json], str | None]:
        """One page and the cursor of the next."""


class Patience:
    """How long one batch may take."""

    def __init__(self, remaining_s: Callable[[], float] = lambda: BATCH_S) -> None:
        self._remaining_s = remaining_s
        self._is_lost = False

    @property
    def may_ask(self) -> bool:
        return not self._is_lost and self._remaining_s() > MARGIN_S

    @property
    def is_over(self) -> bool:
        """Whether too little time is left to begin anything."""
        return self._remaining_s() < MARGIN_S / 3

    def lose(self) -> None:
        self._is_lost = True


class Pollster:
    def __init__(self, books: Callable[[], Books], log: Log) -> None:
        self._books = books
        self._log = log

    def ask(
        self, session_id: SessionId, business_id: BusinessId, call: Call | None, now: datetime, patience: Patience
    ) -> tuple[Statement, ...]:
        """What the carrier says of this session now; nothing where it does not know it, or did not answer."""
        if not patience.may_ask:
            return ()
        replies: list[Json] = []
        try:
            replies += self._replies(session_id, call, patience)
        except CallError as problem:
            patience.lose()
            self._log.warning("carrier not asked", session_id=session_id, code=problem.code)
            self._log.count("CarrierNotAsked")
        return tuple(_statement(reply, session_id, business_id, now) for reply in replies)

    def _replies(self, session_id: SessionId, call: Call | None, patience: Patience) -> Iterator[Json]:
        """Every record of the session: a leg that was booked twice, or that the carrier dialled itself, has one of its own. A carrier that
        lists none may still know the call by one of its ids. One that is slow is asked no further than there is time for."""
        books = self._books()
        rows = list(_of_session(books, session_id, call, patience))
        if rows:
            yield {"data": rows}
            return
        ids: list[SessionId | CallId] = [session_id]
        ids += [call.carrier_call_id] if call is not None and call.carrier_call_id else []
        for name in ids:
            if not patience.may_ask:
                return
            with suppress(NotFound):
                yield books.get_call(name)
                return


def _of_session(books: Books, session_id: SessionId, call: Call | None, patience: Patience) -> Iterator[Json]:
    """What of the list is this session's, whether or not the carrier heeds the question."""
    cursor: str | None = None
    own_id = call.carrier_call_id if call is not None else None
    for _ in range(MAX_PAGES):
        more = {"cursor": cursor} if cursor else {}
        rows, cursor = books.list_calls(session_id=session_id, limit="100", **more)
        legs = [(row, carrier_leg(row)) for row in rows]
        own = [row for row, leg in legs if leg and (leg.session_id == session_id or leg.record_id == own_id)]
        yield from own
        if cursor is None or len(own) < len(rows) or not patience.may_ask:
            return


def _statement(reply: Json, session_id: SessionId, business_id: BusinessId, now: datetime) -> Statement:
    return Statement(
        business_id=business_id,
        session_id=session_id,
        witness=Witness.CARRIER,
        said_at=now,
        content=json.dumps(without_events(reply), sort_keys=True, separators=(",", ":")),
    )


def without_events(value: object, depth: int = 0) -> object:
    """A record without the list of what happened in its call: nothing is charged by that, and it may be long."""
    if isinstance(value, Mapping):
        return {key: without_events(item, depth + 1) for key, item in value.items() if key != "events"}
    if isinstance(value, list) and depth < MAX_EVENTS_DEPTH:
        return [without_events(item, depth + 1) for item in value]
    return value
