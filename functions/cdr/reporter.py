"""Tells of settled records: the bus, the metrics and the guard of what may be spent, each at least once and usually once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from functions.cdr.evidence import Shelves
from pokea.adapters.observability import Log
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.cdr_news import (
    CDR_NEWS,
    EVENT,
    CdrNews,
    after_telling,
    detail_of,
    nothing_told,
    placed_charges,
    untold,
)
from pokea.calls import Call
from pokea.errors import Conflict
from pokea.ids import BusinessId, SessionId
from pokea.ports import Change
from pokea.transfer import handoff_label

Emit = Callable[[str, Mapping[str, str | int]], None]
"""Event and its detail to the bus. Raises Unavailable."""
Settle = Callable[[BusinessId, str, int, datetime], None]
"""Whose placed call, by its label, came to how many micro-units, and when it began."""


def as_it_is(news: CdrNews) -> CdrNews:
    return news


class Reporter:
    def __init__(self, *, shelves: Callable[[], Shelves], emit: Emit, settle: Settle, log: Log) -> None:
        self._shelves = shelves
        self._emit = emit
        self._settle = settle
        self._log = log

    def report(
        self,
        business_id: BusinessId,
        session_id: SessionId,
        call: Call | None,
        cdrs: Sequence[Cdr],
        now: datetime,
        then: Callable[[CdrNews], CdrNews] = as_it_is,
    ) -> None:
        """Of one session's latest records; `then` does what is left to do and says what is to be remembered of it. Raises what the store,
        the bus, the guard and `then` raise: all of it is done again then."""
        store = self._shelves().store
        known = store.record(CDR_NEWS, business_id, session_id)
        news = nothing_told(business_id, session_id, now) if known is None else known
        charges = {} if call is None else placed_charges(call, cdrs, _dial_label(call))
        changed = {label: micros for label, micros in charges.items() if news.settled.get(label) != micros}
        for label, micros in changed.items():
            self._settle(business_id, label, micros, min((cdr.began_at for cdr in cdrs), default=now))
        fresh = untold(cdrs, news)
        for cdr in fresh:
            self._tell(cdr)
        if fresh:
            self._log.info("detail records settled", session_id=session_id, business_id=business_id, count=len(fresh))
        after = then(after_telling(news, fresh, changed))
        if after is news:
            return
        try:
            store.apply(Change(records=(CDR_NEWS.of(after),)))
        except Conflict:
            return  # somebody else has just told of the same; what only we told is told once more

    def _tell(self, cdr: Cdr) -> None:
        """A stream without a price is nobody's fault: a price list need not have streams."""
        if cdr.state is CdrState.FINAL:
            self._emit(EVENT, detail_of(cdr))
        else:
            self._log.count("CdrUnreconciled")
        if cdr.unrated and cdr.direction is not Direction.STREAM:
            self._log.count("CdrUnrated")
        if cdr.findings:
            self._log.count("AuditDifference", len(cdr.findings))
            for found in cdr.findings:
                direction = cdr.direction.value
                self._log.warning(
                    "charged otherwise", session_id=cdr.session_id, direction=direction, reason=found.kind.value
                )
        self._log.count("CdrSettled", state=cdr.state.value, direction=cdr.direction.value)


def _dial_label(call: Call) -> str:
    """Of what the carrier dials itself once the stream is closed."""
    return "" if call.onward is None else handoff_label(call.business_id, call.onward.handoff_id)
