"""How a call of the demo begins: somebody dials, or the business's own system or a campaign has us ring them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from local.caller import ScriptedCaller
from local.carrier import Call, Quirks
from local.demo.campaigns import SCOPES, OneCall, row_of
from local.demo.mailbox import Mailbox
from local.demo.plan import Strand
from local.demo.scenario import Request, Row, Scenario
from local.demo.tap import CalleeTap
from local.stack import Desk, Stack
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.profile import Profile

PLACED_WITHIN_S = 30.0
RING_S = 0.5
Callee = ScriptedCaller | Mailbox


@dataclass(frozen=True)
class Line:
    """Where a strand calls, and from which number."""

    strand: Strand
    profile: Profile
    desk: Desk

    @property
    def caller_number(self) -> str:
        return self.strand.copy.caller_number


class Placer:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._keys = DynamoApiKeyStore(stack.core_table())

    async def begin(self, line: Line, scenario: Scenario, party: Callee, recording: Path) -> Call:
        """Raises TimeoutError if nobody is rung, and what placing it raises."""
        if not scenario.is_placed:
            return await self._dial(line, scenario, party, recording)
        carrier, ground = self._stack.carrier, line.strand.ground
        carrier.answer_with(line.caller_number, lambda: party, RING_S, behaviour=ground.carrier, record=recording)
        tap = CalleeTap(self._stack.records_dir, carrier, line.caller_number)
        known = {call.session_id for call in carrier.calls}
        if scenario.request is not None:
            await self._ask_for_a_call(line, scenario.request(line.strand.wish))
        else:
            await self._start_campaign(line, scenario)
        for _ in range(int(PLACED_WITHIN_S / 0.05)):
            call = tap.call()
            if call is not None and call.session_id not in known:
                return call  # type: ignore[no-any-return]
            await asyncio.sleep(0.05)
        raise TimeoutError(f"nobody rang {line.caller_number} within {PLACED_WITHIN_S:.0f} s")

    async def outcome(self, line: Line, scenario: Scenario) -> list[Row]:
        """What the campaign says of its one contact, once it knows how the call ended."""
        if scenario.campaign is None:
            return []
        campaign = await self._campaign(line, scenario)
        result = await campaign.result()
        rings = sum(call.facts.b_number == line.caller_number for call in self._stack.carrier.calls)
        return [row_of(result, rings)]

    async def _dial(self, line: Line, scenario: Scenario, party: Callee, recording: Path) -> Call:
        ground = line.strand.ground
        return await self._stack.carrier.dial(
            scenario.calls_from(line.strand.wish) if scenario.calls_from else line.caller_number,
            line.profile.line.number,
            party,
            behaviour=ground.carrier,
            leg_rate_hz=ground.rate_hz,
            record=recording,
            quirks=Quirks(both_tracks_layout="stereo" if ground.track == "stereo" else "mixed"),
        )

    async def _ask_for_a_call(self, line: Line, request: Request) -> None:
        """As the business's own system would: with its API key."""
        key = await self._key(line, request.scope)
        async with httpx.AsyncClient(base_url=line.desk.gateway_url, timeout=15, trust_env=False) as client:
            answer = await client.request(
                request.method, request.path, json=request.body, headers={"Authorization": f"Bearer {key}"}
            )
        if answer.status_code >= 300:
            raise RuntimeError(f"{request.method} {request.path}: {answer.status_code} {answer.text[:300]}")

    async def _start_campaign(self, line: Line, scenario: Scenario) -> None:
        assert scenario.campaign is not None
        wish = line.strand.wish
        campaign = await self._campaign(line, scenario)
        await campaign.start(scenario.campaign(wish), line.caller_number, wish.name, line.profile.language)

    async def _campaign(self, line: Line, scenario: Scenario) -> OneCall:
        business = line.profile.business_id
        return OneCall(line.desk.gateway_url, await self._key(line, *SCOPES), business, f"{business}-{scenario.name}")

    async def _key(self, line: Line, *scopes: str) -> str:
        business = line.profile.business_id
        return await asyncio.to_thread(
            lambda: self._keys.create_key(business, list(scopes), label="demo", at=datetime.now(UTC))
        )
