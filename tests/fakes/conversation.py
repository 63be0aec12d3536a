"""A call at the booking desk without audio: tools are called as a model calls them, evidence is given as a bridge gives it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from pokea import agents
from pokea.accounts import AccountBook
from pokea.agents import Caller, Desk
from pokea.call_memory import MEMORY
from pokea.campaigns.briefing import Briefed
from pokea.clock import ManualClock
from pokea.desk.own_accounts import OwnAccounts
from pokea.identity import level_of
from pokea.ids import Nonce, SessionId, ToolCallId
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.ports import Store
from pokea.profile import Profile, load_profile
from pokea.shipments import ShipmentBook
from pokea.stored_shipments import StoredShipments
from pokea.toolkit import CallerTurn, Evidence, Level, ReadBack, ToolCall, ToolResult
from tests.fakes.books import books
from tests.fakes.exchange import MemoryExchange
from tests.fakes.memory_store import MemoryStore

CLINIC = load_profile(PACKAGED / "whitedent.toml")
SATURDAY = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)  # 10:00 in Nairobi, 21 November 2026
AMINA = E164("+254722000111")
READ_BACK_MS = 6_000

_ids = itertools.count(1)


def heard_and_answered(nonce: str, at_ms: int = 20_000) -> Evidence:
    """The read-back was heard to the end and then the caller said something."""
    start = at_ms - READ_BACK_MS - 3_000
    read_back = ReadBack(Nonce(nonce), start, READ_BACK_MS, READ_BACK_MS, start + READ_BACK_MS)
    return Evidence(at_ms, read_back, (CallerTurn(start + READ_BACK_MS + 400, at_ms - 600),))


@dataclass
class Conversation:
    """One call. `store` may be shared by several calls; `new_id` counts, so runs are the same every time."""

    store: Store = field(default_factory=MemoryStore)
    profile: Profile = CLINIC
    clock: ManualClock = field(default_factory=lambda: ManualClock(SATURDAY))
    a_number: E164 | None = AMINA
    session: str = field(default_factory=lambda: f"HD_{next(_ids):012x}")
    language: str = "en"
    agent: str = "booking"
    accounts: AccountBook | None = None  # default: those in the store
    shipments: ShipmentBook | None = None  # likewise
    exchange: MemoryExchange = field(default_factory=MemoryExchange)
    briefed: Briefed | None = None  # the call is one of a campaign

    def caller(self) -> Caller:
        """As `functions.tools.operations` makes it: what the call's memory holds counts."""
        business, session = self.profile.business_id, SessionId(self.session)
        memory = self.store.record(MEMORY, business, session)
        account, language = (memory.account, memory.language) if memory else ("", "")
        level = Level.VERIFIED if account else level_of(self.a_number)
        return Caller(session, business, self.a_number, level, language or self.language, account)

    def tool(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        evidence: Evidence | None = None,
        tool_call_id: str | None = None,
    ) -> ToolResult:
        call = ToolCall(
            ToolCallId(tool_call_id or f"t{next(_ids)}"), name, dict(arguments or {}), evidence or Evidence()
        )
        own = OwnAccounts(self.profile.business_id, self.store)
        shipments = StoredShipments(self.store, self.profile.business_id)
        desk = Desk(
            self.profile,
            self.store,
            lambda: f"id{next(_ids)}",
            *books(self.accounts or own, self.shipments or shipments, self.exchange),
            briefed=lambda: self.briefed,
        )
        return agents.get(self.agent).run(call, self.caller(), desk, self.clock.now())

    def propose(self, when: str, service: str = "cleaning", name: str = "Amina Otieno") -> ToolResult:
        return self.tool("proposeBooking", {"service": service, "when": when, "name": name})

    def commit(
        self, proposed: ToolResult, evidence: Evidence | None = None, tool_call_id: str | None = None
    ) -> ToolResult:
        """Commit a proposal as it was given; by default everything was heard and answered."""
        nonce = cast(str, proposed.payload["nonce"])
        arguments = {"nonce": nonce, "arguments": proposed.payload["arguments"]}
        return self.tool("commitProposal", arguments, evidence or heard_and_answered(nonce), tool_call_id)

    def book(self, when: str, service: str = "cleaning", name: str = "Amina Otieno") -> str:
        """The reference of a new appointment."""
        done = self.commit(self.propose(when, service, name))
        assert done.payload["status"] == "booked", done.payload
        return cast(str, done.payload["reference"])

    def called_by(self, a_number: E164 | None) -> Conversation:
        """Another call to the same desk at the same moment."""
        return replace(self, a_number=a_number, session=f"HD_{next(_ids):012x}")
