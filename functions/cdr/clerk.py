"""Keeps the detail records of calls: takes in what each witness says, asks the carrier, and writes a version whenever something changed.

No witness is trusted to come. Whoever tells of a call only has it looked at again; the look reads everything there is, so any order of
the same words leads to the same records, and a word that is told twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from functions.cdr.evidence import Shelves, account_of, attempt_behind, transfers_of
from functions.cdr.messages import Ask, body_of
from functions.cdr.polling import Patience, Pollster
from functions.cdr.pricing import Prices
from functions.cdr.reporter import Reporter, as_it_is
from pokea.adapters.observability import Log
from pokea.adapters.tracing import OpenSpan, Traces, harmless
from pokea.billing.account import is_news, time_of, wants_carrier
from pokea.billing.cdr import Cdr, Statement, Witness
from pokea.billing.cdr_asking import is_live, next_look, put_off
from pokea.billing.cdr_news import CdrNews, awaiting, is_awaited
from pokea.billing.reconcile import legs_of, settle, settled_before, with_charges, with_model_cost
from pokea.calls import Call
from pokea.clock import Clock, as_utc
from pokea.errors import NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.profile import Profile
from pokea.sautikit.carrier_record import carrier_legs
from pokea.tracing import CALL, Kind, Span, root_of

CONTENT_BYTES = 60_000  # of one statement
LONGEST_CALL = timedelta(days=1)  # by far: what a clock says beyond it is no time of the call


class Later(Protocol):
    """The queue of detail records."""

    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None:
        """Raises Unavailable."""

    def send_all(self, messages: Sequence[Mapping[str, object]]) -> None:
        """Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a call: who it belongs to, and what the stores hold of it. `call` is None where no hook told of it, until the attempt
    that became it is found. `is_put_off`: the carrier was to be asked, and there was no time for it, or it did not answer."""

    profile: Profile
    session_id: SessionId
    call: Call | None
    known: Sequence[Cdr]
    now: datetime
    is_put_off: bool = False


class Clerk:
    def __init__(
        self,
        *,
        shelves: Callable[[], Shelves],
        profiles: Mapping[BusinessId, Profile],
        pollster: Pollster,
        prices: Prices,
        reporter: Reporter,
        later: Callable[[], Later],
        clock: Clock,
        log: Log,
        traces: Traces | None = None,
    ) -> None:
        self._shelves = shelves
        self._profiles = profiles
        self._pollster = pollster
        self._prices = prices
        self._reporter = reporter
        self._later = later
        self._clock = clock
        self._log = log
        self._traces = traces or Traces()

    def take(self, ask: Ask, patience: Patience) -> None:
        """One message. Returning takes it from the queue: what it said is kept. Raises CallError for what must come back. A word is kept
        even where there is time for nothing else: a message comes back a few times only, and nobody says it again."""
        if patience.is_over and ask.said is None:
            raise _out_of_time()
        with self._traces.span("cdr", Kind.CONSUMER) as span:
            span.of(ask.call, business_id=ask.business, count=ask.attempt)
            self._take(ask, patience, span)

    def _take(self, ask: Ask, patience: Patience, span: OpenSpan) -> None:
        look = self._look(BusinessId(ask.business), SessionId(ask.call))
        if ask.said is not None:
            self._keep_word(look, ask)
            if patience.is_over:
                raise _out_of_time()
        look = self._asked(look, patience, asks=ask.again or not ask.is_opening, again=ask.again)
        cdrs = self._settled(look)
        self._traced(look, cdrs)
        span.of(look.session_id, state=cdrs[0].state.value if cdrs else None)
        self._report(look, cdrs, lambda news: self._followed(news, ask, look, cdrs))

    def reconcile(self, business_id: BusinessId, session_id: SessionId, patience: Patience) -> tuple[Cdr, ...]:
        """Look at a call now, and at the second calls that it led to; the records as they are then. Raises NotFound."""
        shelves = self._shelves()
        look = self._look(business_id, session_id)
        looks = [look, *(self._look(business_id, one) for one in transfers_of(shelves, look.profile, session_id))]
        found: list[Cdr] = []
        for one in looks:
            seen = self._asked(one, patience, asks=True, again=True)
            cdrs = self._settled(seen)
            self._traced(seen, cdrs)
            self._report(seen, cdrs)
            found += cdrs
        return tuple(found)

    def cdrs(self, business_id: BusinessId, session_id: SessionId) -> tuple[Cdr, ...]:
        """The latest records of a call and of its second calls. Raises NotFound for one that is not this business's."""
        shelves = self._shelves()
        profile = self._profile(business_id)
        sessions = [session_id, *transfers_of(shelves, profile, session_id)]
        found = [cdr for session in sessions for cdr in shelves.cdrs.cdrs(session) if cdr.business_id == business_id]
        if not found:
            raise NotFound("no_such_call", "there is no such call, or no record of it yet")
        return tuple(found)

    def warm(self) -> None:
        self._prices.warm(self._profiles)

    def _profile(self, business_id: BusinessId) -> Profile:
        profile = self._profiles.get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        return profile

    def _look(self, business_id: BusinessId, session_id: SessionId) -> Look:
        """Raises NotFound for another business's call. Its records say so for longer than its row."""
        profile, shelves = self._profile(business_id), self._shelves()
        call, known = shelves.calls.call(session_id), shelves.cdrs.cdrs(session_id)
        if call is not None and call.business_id != business_id:
            raise _no_such_call()
        _must_be_own(known, business_id)
        return Look(profile, session_id, call, known, self._clock.now())

    def _keep_word(self, look: Look, ask: Ask) -> None:
        """The bridge's own word, as it came. One about a call that nobody else knows is no word about a call of ours."""
        if look.call is None:
            raise _no_such_call()
        statement = Statement(
            business_id=look.profile.business_id,
            session_id=look.session_id,
            witness=Witness.BRIDGE,
            said_at=_said_at(ask.said or {}, look.call),
            content=json.dumps(ask.said, sort_keys=True, separators=(",", ":")),
            index=ask.index,
        )
        self._shelves().cdrs.keep(statement)

    def _asked(self, look: Look, patience: Patience, *, asks: bool, again: bool) -> Look:
        """What is known once the carrier was asked. Raises NotFound for a call that neither we nor the carrier know as this business's."""
        if asks and (again or wants_carrier(look.known)):
            self._ask_carrier(look, patience, is_known=bool(look.known) or look.call is not None)
            look = replace(look, is_put_off=not patience.may_ask)
        if look.call is not None:
            return look
        return replace(look, call=attempt_behind(self._shelves(), look.profile.business_id, look.session_id))

    def _settled(self, look: Look) -> tuple[Cdr, ...]:
        """The latest version of each leg, once what is new is written. Raises NotFound for what is another business's by now."""
        found: dict[str, Cdr] = {}

        def decide(latest: Sequence[Cdr]) -> Sequence[Cdr]:
            _must_be_own(latest, look.profile.business_id)
            found.clear()
            found.update((cdr.leg, cdr) for cdr in latest)
            return self._drafts(look)

        written = settle(self._shelves().cdrs, look.session_id, decide, look.now)
        found.update((cdr.leg, cdr) for cdr in written)
        return tuple(found[leg] for leg in sorted(found))

    def _traced(self, look: Look, cdrs: Sequence[Cdr]) -> None:
        """Tell of the call as a whole, once it is known to be over. Two looks at one moment may both do so, in the same words."""
        if self._traces.are_kept and call_span(look.known) is None and (span := call_span(cdrs)) is not None:
            self._traces.add(span)

    def _report(self, look: Look, cdrs: Sequence[Cdr], then: Callable[[CdrNews], CdrNews] = as_it_is) -> None:
        self._reporter.report(look.profile.business_id, look.session_id, look.call, cdrs, look.now, then)

    def _followed(self, news: CdrNews, ask: Ask, look: Look, cdrs: Sequence[Cdr]) -> CdrNews:
        """Ask for the next look, unless there is one coming. Raises Unavailable."""
        following, now = next_look(ask.attempt, cdrs), look.now
        if following is None and ask.again and look.is_put_off:
            self._put_off(ask)
        if following is None or is_awaited(news, ask.attempt, following[1], now):
            return news
        attempt, delay_s = following
        again = Ask(version=1, call=ask.call, business=ask.business, attempt=attempt)
        self._later().send(body_of(again), delay_s)
        return awaiting(news, attempt, delay_s, now)

    def _put_off(self, ask: Ask) -> None:
        """Nothing of the call is open, so no other look would ask the carrier what somebody wants to know again. Raises Unavailable."""
        following = put_off(ask.attempt)
        if following is not None:
            attempt, delay_s = following
            self._later().send(body_of(ask.model_copy(update={"attempt": attempt, "said": None})), delay_s)

    def _drafts(self, look: Look) -> Sequence[Cdr]:
        """Read afresh: what is decided on must not be older than the versions that it goes over."""
        shelves, pricing = self._shelves(), self._prices.of(look.profile)
        call = shelves.calls.call(look.session_id) or look.call
        account = account_of(shelves, look.profile, look.session_id, call)
        drafts = legs_of(account, look.now)
        drafts = with_charges(drafts, account, pricing, settled_before(look.now))
        books = self._prices.books
        return with_model_cost(drafts, account, books.models, books.exchange, pricing.deck.currency)

    def _ask_carrier(self, look: Look, patience: Patience, *, is_known: bool) -> None:
        shelves = self._shelves()
        said = self._pollster.ask(look.session_id, look.profile.business_id, look.call, look.now, patience)
        if not is_known and not any(_is_ours(statement, look.profile) for statement in said):
            if not said and not patience.may_ask:
                raise Unavailable("carrier_not_asked", "nobody knows yet whose call this is", retry_after_s=60)
            raise _no_such_call()
        known = shelves.cdrs.statements(look.session_id)
        for statement in said:
            if len(statement.content) > CONTENT_BYTES:
                self._log.error("carrier's record too long", RejectedInput("too_long"), session_id=look.session_id)
                continue
            if is_news(known, statement):
                shelves.cdrs.keep(statement)


def call_span(cdrs: Sequence[Cdr]) -> Span | None:
    """The whole call, from its first ring to its end; None while somebody may still be talking."""
    main = next((cdr for cdr in cdrs if cdr.leg in ("caller", "callee")), None)
    if main is None or main.ended_at is None or is_live((main,)):
        return None
    began_at, ended_at = (
        min(cdr.began_at for cdr in cdrs),
        max(cdr.ended_at for cdr in cdrs if cdr.ended_at is not None),
    )
    said = {"business_id": main.business_id, "direction": main.direction.value, "outcome": main.status}
    return Span(
        name=CALL,
        session_id=main.session_id,
        span_id=root_of(main.session_id),
        parent_id=None,
        began_ns=_ns(began_at),
        ended_ns=max(_ns(ended_at), _ns(began_at)),
        kind=Kind.SERVER,
        attributes=harmless({"session_id": main.session_id, **said}),
    )


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000) * 1_000_000


def _is_ours(statement: Statement, profile: Profile) -> bool:
    """Whether the carrier's record is about a call of this business's line."""
    return any(leg.local_number == profile.line.number for leg in carrier_legs(json.loads(statement.content)))


def _must_be_own(cdrs: Sequence[Cdr], business_id: BusinessId) -> None:
    if any(cdr.business_id != business_id for cdr in cdrs):
        raise _no_such_call()


def _no_such_call() -> NotFound:
    return NotFound("no_such_call", "the business has no such call")


def _out_of_time() -> Unavailable:
    return Unavailable("out_of_time", "the rest of the batch is taken later", retry_after_s=1)


def _said_at(said: Mapping[str, object], call: Call) -> datetime:
    """By the bridge's clock, which may be wrong by years, but within the call by ours: how long a word is kept counts from here."""
    first = as_utc(call.created_at)
    return min(max(time_of(said.get("at")) or first, first), first + LONGEST_CALL)
