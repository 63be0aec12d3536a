"""Looks through days: which calls have records that are not final, and what has the carrier in its list that our records do not say.

A day is two things: what we hold of a business, and the carrier's list, page by page. Either is one message, and ends by putting one
message on the same queue for each call that is to be looked at; one that runs out of time sends itself on from where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pydantic import ValidationError

from functions.cdr.clerk import Later
from functions.cdr.evidence import Shelves
from functions.cdr.messages import Ask, DayAsk, body_of
from functions.cdr.polling import Books, Patience
from pokea.adapters.observability import Log
from pokea.billing.account import wants_carrier
from pokea.billing.cdr import CarrierLeg, Cdr
from pokea.billing.cdr_asking import NO_MORE, is_told_otherwise
from pokea.call_record import CALL_RECORD, day_of
from pokea.clock import Clock, as_utc
from pokea.errors import NotFound, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.profile import Profile
from pokea.sautikit.carrier_record import carrier_legs

DAYS_BACK = range(1, 5)  # whole days, so that each call is also seen once after 72 hours
PAGE = 100
TOGETHER = 100  # messages are sent in bundles of so many
AGAIN_S = 900  # after the carrier gave no list
AGAIN_TIMES = 8
MAX_PAGES = 1_000  # of one day of the carrier's list


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the carrier's list, and whose line it is on."""

    session_id: SessionId
    business_id: BusinessId
    record: CarrierLeg


@dataclass(frozen=True, slots=True)
class Page:
    """Of the carrier's list. `found`: what is on a line of ours. `cursor`: of the next page. `rows`: a name for the records that are on it,
    "" for none."""

    found: Sequence[Listed]
    cursor: str | None
    rows: str


class Sweeper:
    def __init__(
        self,
        *,
        shelves: Callable[[], Shelves],
        profiles: Mapping[BusinessId, Profile],
        books: Callable[[], Books],
        later: Callable[[], Later],
        clock: Clock,
        log: Log,
    ) -> None:
        self._shelves = shelves
        self._profiles = profiles
        self._lines: Mapping[str, BusinessId] = {p.line.number: p.business_id for p in profiles.values()}
        self._books = books
        self._later = later
        self._clock = clock
        self._log = log

    def begin(self) -> int:
        """The nightly look: one message for each day and business, and one for each day of the carrier's. Returns how many."""
        today = self._clock.now().date()
        days = [today - timedelta(days=back) for back in DAYS_BACK]
        asks = [DayAsk(version=1, sweep=day, source="ours", business=name) for day in days for name in self._profiles]
        asks += [DayAsk(version=1, sweep=day, source="carrier") for day in days]
        self._later().send_all([body_of(ask) for ask in asks])
        self._log.info("nightly look begun", count=len(asks))
        return len(asks)

    def take(self, ask: DayAsk, patience: Patience) -> None:
        """One message. Raises CallError for what must come back."""
        if patience.is_over:
            raise Unavailable("out_of_time", "the rest of the batch is taken later", retry_after_s=1)
        if ask.business and BusinessId(ask.business) not in self._profiles:
            raise NotFound("no_such_business", "the business is not known here")
        is_ours = ask.source == "ours"
        queued = self._look_through_ours(ask, patience) if is_ours else self._look_through_page(ask)
        self._log.info("day looked through", business_id=ask.business or None, count=queued)

    def queue_days(self, business_id: BusinessId, days: Sequence[date]) -> None:
        """Have every call of these days looked at: a day may have more of them than a request has time for. Raises Unavailable."""
        ours = [DayAsk(version=1, sweep=day, source="ours", business=business_id, whole=True) for day in days]
        theirs = [DayAsk(version=1, sweep=day, source="carrier", business=business_id) for day in days]
        self._later().send_all([body_of(ask) for ask in (*ours, *theirs)])

    def _look_through_ours(self, ask: DayAsk, patience: Patience) -> int:
        business_id, queued = BusinessId(ask.business), 0
        waiting: list[SessionId] = []
        for place, session_id in self._ours(ask):
            waiting.append(session_id)
            if len(waiting) == TOGETHER:
                queued += self._send(((session, business_id) for session in waiting), again=ask.whole)
                waiting.clear()
                if not patience.may_ask:
                    self._later().send(body_of(ask.model_copy(update={"after": place})))
                    return queued
        return queued + self._send(((session, business_id) for session in waiting), again=ask.whole)

    def _ours(self, ask: DayAsk) -> Iterator[tuple[str, SessionId]]:
        """The sessions of the day whose records are not all final, those that have none at all, or every one, each with its place in an
        order that stands while records become final: a count of them would pass over others meanwhile."""
        business_id, shelves = BusinessId(ask.business), self._shelves()
        seen: set[SessionId] = set()
        named: set[SessionId] = set()
        for cdr in shelves.cdrs.cdrs_of_day(business_id, ask.sweep):
            seen.add(cdr.session_id)
            if cdr.session_id not in named and (ask.whole or wants_carrier([cdr])):
                named.add(cdr.session_id)
                place = f"1 {as_utc(cdr.began_at).isoformat(timespec='microseconds')} {cdr.session_id}"
                if place > ask.after:
                    yield place, cdr.session_id
        records = shelves.store.records_by(CALL_RECORD, business_id, day_of(_midnight(ask.sweep)))
        for session_id in sorted(record.session_id for record in records):
            place = f"2 {session_id}"
            if session_id not in seen and place > ask.after:
                yield place, session_id

    def _look_through_page(self, ask: DayAsk) -> int:
        try:
            page = self._page(ask)
        except Unavailable:
            self._log.count("CarrierNotAsked")
            if ask.attempt >= AGAIN_TIMES:
                raise
            self._later().send(body_of(ask.model_copy(update={"attempt": ask.attempt + 1})), AGAIN_S)
            return 0
        queued = self._send(self._differing(page.found), again=True)
        if page.cursor is not None and not self._is_endless(ask, page, page.cursor):
            following = {"cursor": page.cursor, "page": ask.page + 1, "rows": page.rows, "attempt": 0}
            self._later().send(body_of(ask.model_copy(update=following)))
        return queued

    def _is_endless(self, ask: DayAsk, page: Page, cursor: str) -> bool:
        """Whether the list goes on without leading anywhere: a carrier that heeds no cursor would be asked for ever."""
        is_same = cursor == ask.cursor or (page.rows != "" and page.rows == ask.rows)
        if not is_same and ask.page + 1 < MAX_PAGES:
            return False
        self._log.warning("carrier's list does not end", count=ask.page + 1)
        self._log.count("CarrierListEndless")
        return True

    def _differing(self, found: Sequence[Listed]) -> list[tuple[SessionId, BusinessId]]:
        """The sessions of which the list says more than our records do, each once."""
        shelves, wanted, known = self._shelves(), dict[SessionId, BusinessId](), dict[SessionId, Sequence[Cdr]]()
        for one in found:
            if one.session_id not in known:
                known[one.session_id] = shelves.cdrs.cdrs(one.session_id)
            if is_told_otherwise(one.record, known[one.session_id]):
                wanted[one.session_id] = one.business_id
        return list(wanted.items())

    def _page(self, ask: DayAsk) -> Page:
        first = _midnight(ask.sweep)
        query = {"from": _rfc3339(first), "to": _rfc3339(first + timedelta(days=1)), "limit": str(PAGE)}
        if ask.cursor:
            query["cursor"] = ask.cursor
        rows, cursor = self._books().list_calls(**query)
        legs = carrier_legs({"data": list(rows)})
        found: list[Listed] = []
        for leg in legs:
            business_id = self._lines.get(leg.local_number)
            if business_id is None or ask.business not in ("", business_id):
                continue
            if leg.session_id:
                found.append(Listed(SessionId(leg.session_id), business_id, leg))
            else:
                self._log.count("CarrierRecordWithoutSession")
        return Page(found, cursor, _name_of(legs))

    def _send(self, found: Iterable[tuple[SessionId, BusinessId]], *, again: bool) -> int:
        asks = [ask for session, business_id in found if (ask := _ask(session, business_id, again=again)) is not None]
        self._later().send_all([body_of(ask) for ask in asks])
        return len(asks)


def _ask(session_id: SessionId, business_id: BusinessId, *, again: bool) -> Ask | None:
    """One look, now and not again: the next night comes. None for an id that no message could name."""
    try:
        return Ask(version=1, call=session_id, business=business_id, attempt=NO_MORE, again=again)
    except ValidationError:
        return None


def _name_of(legs: Sequence[CarrierLeg]) -> str:
    names = json.dumps([(leg.record_id, leg.session_id) for leg in legs])
    return hashlib.sha256(names.encode(errors="replace")).hexdigest() if legs else ""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
