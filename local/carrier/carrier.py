"""The simulated carrier: numbers, calls, a wallet and the REST API, in one asyncio object."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from local.carrier.behaviour import DOCUMENTED, Behaviour, Quirks, behaviour_named
from local.carrier.booked import BookedCall, enter
from local.carrier.call import Call, CallPlan, SayVoice, Services
from local.carrier.faults import Fault, FaultPlan
from local.carrier.hooks import TIMEOUT_S, LegFacts
from local.carrier.ledger import Cdr, Tariff, Wallet
from local.carrier.numbers import Directory, NoAnswer, Number, NumberBook
from local.carrier.party import Party, PartyFactory
from local.carrier.records import Now, RecordBook, Settling, utc_now
from local.carrier.rest import RestServer, create_app

_MAX_CALLS_KEPT = 1000
_MAX_REQUESTS_KEPT = 10_000
_SHUTDOWN_S = 10.0


class CarrierError(Exception):
    """The simulator was asked for something a carrier cannot do."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """What an Idempotency-Key replays while its leg lives."""

    call: Call
    body_hash: str
    response: Mapping[str, Any]


class Carrier:
    """`async with Carrier(api_key) as carrier`. One event loop; nothing here is thread-safe.

    webhook_secret: signs every hook when given. port 0: a free one. behaviour: of outbound calls, and of inbound ones unless `dial`
    says otherwise. say_voice: speaks Say verbs; without it they are silence of about the right length. trust: whom to believe about
    https:// hooks (nobody, if not given) and wss:// media servers (the public authorities, if not given). settling: how long after
    its end a leg's record is final; at once, if not given. now: the time by which records settle; calls with sound keep real time.
    hook_timeout_s: how long the answer to a hook is waited for.
    """

    def __init__(
        self,
        api_key: str,
        webhook_secret: str | None = None,
        port: int = 0,
        *,
        behaviour: str | Behaviour = DOCUMENTED,
        quirks: Quirks | None = None,
        say_voice: SayVoice | None = None,
        trust: ssl.SSLContext | None = None,
        balance_minor: int = 500_000,
        tariff: Tariff | None = None,
        record_dir: Path | None = None,
        max_call_s: float = 600.0,
        settling: Settling | None = None,
        now: Now = utc_now,
        hook_timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.api_key = api_key
        self.more_keys: set[str] = set()  # that hold beside it, while one is being replaced
        self.behaviour = behaviour_named(behaviour)
        self.quirks = quirks or Quirks()
        self.numbers = NumberBook()
        self.directory = Directory()
        self.wallet = Wallet(balance_minor)
        self.tariff = tariff or Tariff()
        self.records = RecordBook(self.tariff, self.wallet, settling, now)
        self.faults = FaultPlan()
        self.record_dir = record_dir
        self.requests: deque[tuple[str, str, int]] = deque(maxlen=_MAX_REQUESTS_KEPT)
        """The latest REST requests: method, path, status answered."""
        self.clock_ahead_s = 0.0
        """By how much the clock in the Date of its replies is ahead of ours."""
        self._calls: dict[str, Call] = {}
        self._placed: dict[str, _Placed] = {}
        self._webhook_secret, self._say_voice, self._trust = webhook_secret, say_voice, trust
        self._max_call_s, self._hook_timeout_s = max_call_s, hook_timeout_s
        self._port = port
        self._services: Services | None = None
        self._server: RestServer | None = None

    # --- life ---------------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        # Without `trust` a context that trusts nobody: loading the public authorities takes a quarter of a second that no
        # hook on loopback needs.
        verify = self._trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        http = httpx.AsyncClient(verify=verify, trust_env=False, limits=httpx.Limits(max_keepalive_connections=32))
        self._services = Services(
            http,
            self._webhook_secret,
            self.directory,
            self.tariff,
            self.records,
            self._say_voice,
            self._trust,
            self._hook_timeout_s,
        )
        self._server = RestServer(create_app(self), self._port)
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unfinished = [call for call in self._calls.values() if not call.is_finished]
        for call in unfinished:
            call.hang_up("carrier", "carrier_shutdown")
        results = await asyncio.gather(*(call.ended(_SHUTDOWN_S) for call in unfinished), return_exceptions=True)
        assert self._server is not None and self._services is not None
        await self._server.stop()
        await self._services.http.aclose()
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures and error is None:
            raise failures[0]

    @property
    def base_url(self) -> str:
        """Of the REST API, without the /v1."""
        assert self._server is not None, "the carrier is not running"
        return f"http://127.0.0.1:{self._server.port}"

    # --- set-up -------------------------------------------------------------------------------------------------------------

    def add_number(self, e164: str, voice_url: str = "", events_url: str = "") -> Number:
        return self.numbers.add(e164, voice_url, events_url)

    def answer_with(
        self,
        e164: str,
        answer: PartyFactory | NoAnswer,
        ring_s: float = 0.2,
        *,
        behaviour: str = "",
        record: Path | None = None,
    ) -> None:
        """Who picks up when this number is dialled (by REST or by a Dial), or how the attempt fails. See `numbers.Subscriber`."""
        self.directory.register(e164, answer, ring_s, behaviour, record)

    def fail(self, fault: Fault) -> None:
        self.faults.add(fault)

    # --- calls --------------------------------------------------------------------------------------------------------------

    async def dial(
        self,
        a_number: str,
        b_number: str,
        party: Party,
        behaviour: str | Behaviour | None = None,
        leg_rate_hz: int = 16_000,
        record: Path | None = None,
        *,
        quirks: Quirks | None = None,
        max_call_s: float | None = None,
    ) -> Call:
        """`party` calls one of the workspace's numbers. Returns while it rings. Raises CarrierError for a number nobody owns."""
        number = self.numbers.by_e164(b_number)
        if number is None:
            raise CarrierError(f"{b_number} is not a number of this workspace")
        if leg_rate_hz not in (8000, 16_000):
            raise CarrierError(f"a leg runs at 8000 or 16000 Hz, not {leg_rate_hz}")
        quirks = quirks or self.quirks
        session_id, call_id = _new_ids()
        facts = LegFacts(
            session_id=session_id,
            call_id=call_id,
            direction="inbound",
            a_number=a_number,
            b_number=b_number,
            swap_numbers=quirks.swap_numbers,
        )
        plan = CallPlan(
            facts=facts,
            party=party,
            voice_url=number.voice_url,
            events_url=number.events_url,
            signing_secret=number.signing_secret,
            behaviour=self.behaviour if behaviour is None else behaviour_named(behaviour),
            quirks=quirks,
            leg_rate_hz=leg_rate_hz,
            record=record,
            max_call_s=max_call_s or self._max_call_s,
        )
        return self._start(plan)

    def place(self, number: Number, to: str, *, voice_url: str = "", client_request_id: str = "") -> Call:
        """A call out of the workspace, as POST /v1/calls makes it: the directory says who picks up."""
        session_id, call_id = _new_ids()
        facts = LegFacts(
            session_id=session_id,
            call_id=call_id,
            direction="outbound",
            a_number=number.e164,
            b_number=to,
            client_request_id=client_request_id,
        )
        callee = self.directory.find(to)
        folder = None if self.record_dir is None else self.record_dir / f"{session_id}.wav"
        plan = CallPlan(
            facts=facts,
            party=None,
            voice_url=voice_url or number.voice_url,
            events_url=number.events_url,
            signing_secret=number.signing_secret,
            behaviour=behaviour_named(callee.behaviour) if callee.behaviour else self.behaviour,
            quirks=self.quirks,
            record=callee.record or folder,
            max_call_s=self._max_call_s,
        )
        return self._start(plan)

    def book(self, call: BookedCall) -> Cdr:
        """A call with times but without sound: nobody is rung and no hook is sent, only the books and REST know it."""
        return enter(call, self.records, self.tariff)

    def _start(self, plan: CallPlan) -> Call:
        if self._services is None:
            raise CarrierError("the carrier is not running")
        call = Call(plan, self._services)
        self._forget_old_calls()
        self._calls[call.session_id] = call
        call.start()
        return call

    def _forget_old_calls(self) -> None:
        if len(self._calls) < _MAX_CALLS_KEPT:
            return
        for session_id in [key for key, call in self._calls.items() if call.is_finished][: _MAX_CALLS_KEPT // 10]:
            del self._calls[session_id]

    @property
    def calls(self) -> list[Call]:
        """Oldest first; the last thousand."""
        return list(self._calls.values())

    def find_call(self, either_id: str) -> Call | None:
        """By session id (HD_…) or uuid."""
        found = self._calls.get(either_id)
        return found or next((call for call in self._calls.values() if call.call_id == either_id), None)

    # --- idempotency --------------------------------------------------------------------------------------------------------

    def replay(self, key: str, body: bytes) -> tuple[Mapping[str, Any] | None, bool]:
        """(what the first request with this key was answered while its leg lives, whether the bodies differ)."""
        placed = self._placed.get(key)
        if placed is None or not placed.call.is_live:
            return None, False
        return placed.response, placed.body_hash != _hash(body)

    def remember(self, key: str, body: bytes, call: Call, response: Mapping[str, Any]) -> None:
        self._placed = {known: placed for known, placed in self._placed.items() if placed.call.is_live}
        self._placed[key] = _Placed(call, _hash(body), response)


def _new_ids() -> tuple[str, str]:
    return "HD_" + uuid.uuid4().hex[:12], str(uuid.uuid4())


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
