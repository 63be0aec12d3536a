"""One call as its witnesses tell it: hooks through the real parser and register, the bridge's close and its outbox, the carrier's record.

A `Told` holds what the stores would hold. Each signal is a method, so that a test can tell them in any order, twice or never; `account` is
what reconciliation is given, and `round` reconciles once over a store in memory, as functions/cdr does after each message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from pokea.billing import reconcile
from pokea.billing.account import Account, own_json
from pokea.billing.cdr import Cdr, Statement, Witness
from pokea.billing.exchange import ExchangeRates
from pokea.billing.model_cost import prices_of
from pokea.billing.model_prices import PriceList
from pokea.billing.rate_deck import packaged_deck
from pokea.billing.usage import CallShares, Meter, ModelUsage, shares_to_json, usage_to_json
from pokea.calls import Call, apply, opened
from pokea.events import StreamStarted
from pokea.ids import BusinessId, SessionId
from pokea.lines import PACKAGED, load_lines
from pokea.sautikit.closings import CloseReason, Closing, end_of
from pokea.sautikit.hooks import parse_hook
from pokea.sautikit.register import CallRegister
from pokea.transfer import Handoff
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.fakes.memory_store import MemoryCallStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LINES = load_lines(PACKAGED)
LINE = next(line for line in LINES.values() if line.business_id == "whitedent")
CALLER = "+254700000001"
CLINIC = BusinessId("whitedent")
SESSION = SessionId("HD_0a1b2c3d4e5f")
RECORD_ID = "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90"
DECK = "sautikit-kes-2026-06-27"
TALK_S = 73
STREAM_MS = 72_400  # opened a little after the answer, closed a little before the end
USAGE = (ModelUsage("gemini", "gemini-3.8-live", {Meter.AUDIO_IN: 9_000, Meter.AUDIO_OUT: 4_000}, 6),)
SHARES = CallShares(total_ms=STREAM_MS, agent_ms=30_000, caller_ms=20_000, silence_ms=STREAM_MS - 50_000)
Json = dict[str, Any]


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def pricing(deck: str = DECK) -> reconcile.Pricing:
    return reconcile.Pricing(packaged_deck(deck))


@cache
def price_tables() -> tuple[PriceList, ExchangeRates]:
    return prices_of(None)


@dataclass
class Told:
    """`answered_at`: when the carrier answered. The register's clock is `clock`, the bridge's wall clock is off by `bridge_off`."""

    session: SessionId = SESSION
    answered_at: datetime = NOW + timedelta(seconds=2)
    talk_s: int = TALK_S
    stream_ms: int = STREAM_MS
    outbound: bool = False
    bridge_off: timedelta = timedelta(0)
    clock: datetime = NOW
    handoff: Handoff | None = None
    cdrs: MemoryCdrs = field(default_factory=MemoryCdrs)

    def __post_init__(self) -> None:
        self.calls = MemoryCallStore()
        self.register = CallRegister(self.calls, LINES)
        self.closing: Closing | None = None
        self.record_id = RECORD_ID

    # --- what is told -------------------------------------------------------------------------------------------------------

    def hook(self, state: str, **fields: str) -> None:
        """The switch's own form on the voice URL."""
        form = {**self._numbers(), "sessionId": self.session, "callSessionState": state, **fields}
        form |= {
            "isActive": "0" if state == "Completed" else "1",
            "direction": "Outbound" if self.outbound else "Inbound",
        }
        self._enter(urlencode(form).encode(), "application/x-www-form-urlencoded")

    def begun(self) -> Told:
        """It rang, the document was given, a bridge opened the stream."""
        self.hook("Ringing")
        self.take(lambda call: apply(opened(call, self.answered_at, "relay"), StreamStarted(at=self.answered_at)))
        self.said("opened", 0)
        return self

    def completed(self) -> None:
        self.hook("Completed", durationInSeconds=str(self.talk_s))

    def completed_event(self, envelope: str = "a") -> None:
        details: Json = {"call_id": RECORD_ID, "pbx_call_id": self.session, "status": "completed"}
        details |= {"from": self._numbers()["callerNumber"], "to": self._numbers()["destinationNumber"]}
        details |= {"answered_at": rfc3339(self.answered_at), "ended_at": rfc3339(self.ended_at)}
        details |= {"duration_seconds": self.talk_s, "hangup_cause": "normal_clearing"}
        bodies: Mapping[str, Json] = {
            "a": {"kind": "call.completed", "event_id": f"e-{self.session}", "data": details},
            "b": {"event_kind": "call.completed", "event_id": f"e-{self.session}", "payload": details},
            "c": {**self._numbers(), "sessionId": self.session, "call_id": RECORD_ID, "callSessionState": "Completed",
                  "isActive": "0", "durationInSeconds": str(self.talk_s)},
        }  # fmt: skip
        self._enter(json.dumps(bodies[envelope]).encode(), "application/json")

    def stream_stopped(self) -> None:
        body = {**self._numbers(), "sessionId": self.session, "streamEvent": "stream-stopped", "name": self.session}
        self._enter(json.dumps(body).encode(), "application/json")

    def closed(self, reason: CloseReason = CloseReason.CALLER_HUNG_UP) -> None:
        """The bridge's close, as the tools function takes it: the first one stands."""
        if self.closing is None:
            self.closing = Closing(
                session_id=self.session,
                business_id=CLINIC,
                reason=reason,
                duration_ms=self.stream_ms,
                transcript=(),
                truncated=False,
                closed_at=self.clock,
                usage=USAGE,
                shares=SHARES,
            )
            closing = self.closing
            self.take(lambda call: apply(call, end_of(closing)))

    def said(self, event: str, index: int, **more: object) -> None:
        """One event of the bridge's outbox, by the bridge's own wall clock."""
        at = self.answered_at + timedelta(milliseconds=self.stream_ms if event == "closed" else 0) + self.bridge_off
        body: Json = {"event": event, "index": index, "at": rfc3339(at), "bridge": "b1", **more}
        self.keep(Witness.BRIDGE, at, body, index)

    def bridge_closed(self) -> None:
        usage = {"usage": usage_to_json(USAGE), "shares": shares_to_json(SHARES)}
        self.said("closed", 1, stream_ms=self.stream_ms, reason="caller_hung_up", handoff="", **usage)

    def carrier_said(self, *records: Json) -> None:
        self.keep(Witness.CARRIER, self.clock, {"data": list(records or (self.record(),))})

    def record(self, **changes: object) -> Json:
        """The carrier's final record of the person's leg."""
        minor = -(-self.talk_s * 300 // 60) if self.outbound else 0
        local, remote = (LINE.number, CALLER)
        return {
            "id": self.record_id, "session_id": self.session, "direction": "outbound" if self.outbound else "inbound",
            "local_e164": local, "remote_e164": remote, "started_at": rfc3339(NOW),
            "answered_at": rfc3339(self.answered_at), "ended_at": rfc3339(self.ended_at), "duration_seconds": self.talk_s,
            "status": "completed", "cost_minor": minor, "cost_currency": "KES", "failure_code": None, **changes,
        }  # fmt: skip

    # --- what is held -------------------------------------------------------------------------------------------------------

    @property
    def ended_at(self) -> datetime:
        return self.answered_at + timedelta(seconds=self.talk_s)

    @property
    def call(self) -> Call | None:
        return self.calls.call(self.session)

    @property
    def account(self) -> Account:
        return Account(
            business_id=CLINIC,
            session_id=self.session,
            call=self.call,
            closing=self.closing,
            statements=self.cdrs.statements(self.session),
            handoff=self.handoff,
        )

    def keep(self, witness: Witness, at: datetime, body: Json, index: int = 0) -> None:
        self.cdrs.keep(
            Statement(
                business_id=CLINIC, session_id=self.session, witness=witness, said_at=at, content=own_json(body), index=index
            )
        )  # fmt: skip

    def take(self, change: Callable[[Call], Call]) -> None:
        call = self.call
        assert call is not None
        moved = change(call)
        if moved is not call:
            self.calls.put_call(moved)

    def drafts(self, now: datetime | None = None, deck: str = DECK) -> tuple[Cdr, ...]:
        return drafted(self.account, now or self.clock, deck)

    def round(self, now: datetime | None = None, deck: str = DECK) -> tuple[Cdr, ...]:
        """The versions that this round wrote."""
        at = now or self.clock
        return reconcile.settle(self.cdrs, self.session, lambda latest: self.drafts(at, deck), at)

    @property
    def latest(self) -> dict[str, Cdr]:
        return {cdr.leg: cdr for cdr in self.cdrs.cdrs(self.session)}

    def _numbers(self) -> dict[str, str]:
        a, b = (LINE.number, CALLER) if self.outbound else (CALLER, LINE.number)
        return {"callerNumber": a, "destinationNumber": b}

    def _enter(self, body: bytes, content_type: str) -> None:
        self.register.enter(parse_hook(body, {"content-type": content_type}), self.clock)


def drafted(account: Account, now: datetime, deck: str = DECK) -> tuple[Cdr, ...]:
    """Everything that reconciliation says of `account`."""
    prices, exchange = price_tables()
    legs = reconcile.legs_of(account, now)
    charged = reconcile.with_charges(legs, account, pricing(deck), reconcile.settled_before(now))
    return reconcile.with_model_cost(charged, account, prices, exchange, "KES")


def content(cdr: Cdr) -> Cdr:
    """Without what tells versions apart."""
    return replace(cdr, version=0, made_at=NOW, reason="")
