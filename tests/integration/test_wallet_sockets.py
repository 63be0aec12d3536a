"""The wallet over real sockets: what the carrier simulator holds, what the product reads of it, and what an operator is shown."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.api.calls import CallDesk, Exchange
from functions.api.schemas import NewCall
from functions.wallet.keeper import WalletKeeper
from local.carrier import Carrier as Simulator
from local.carrier import Fault
from local.cli.wallet import run_wallet
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.billing.wallet import Standing
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.errors import CallError
from pokea.money import MICROS
from tests.fakes.memory_store import MemoryCallStore
from tests.support.control_plane import LINE, LINES, PROFILES
from tests.support.sizes import examples
from tests.support.spending import USUAL, Books, business

ROUNDS = examples(4)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator("key") as running:
        running.add_number(LINE.number, "http://127.0.0.1:1/voice")
        yield running


class Till:
    """The product's own parts against the simulator."""

    def __init__(self, simulator: Simulator, dialect: str = "live") -> None:
        self.books = Books(business(daily=5_000))
        self.carrier = Carrier(CarrierSettings("key", simulator.base_url, DIALECTS[dialect], 5.0, 5.0))
        self.book = WalletBook(lambda: self.books.store, self.books.clock)
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.keeper = WalletKeeper(
            carrier=lambda: self.carrier,
            book=self.book,
            own_micros=lambda currency: 210 * MICROS,
            emit=lambda kind, detail: self.events.append((kind, detail)),
            clock=self.books.clock,
            log=Log("wallet-sockets", io.StringIO()),
        )
        exchange = Exchange(
            MemoryCallStore(),
            WatchedTelephony(self.carrier, self.book),
            self.books.store,
            self.books.ledger,
            self.book.standing,
        )
        self.desk = CallDesk(
            exchange=lambda: exchange,
            lines=LINES,
            profiles=lambda: PROFILES,
            voice_callback_url=lambda: "http://127.0.0.1:1/voice",
            clock=self.books.clock,
        )

    async def read(self) -> Standing:
        return await asyncio.to_thread(self.keeper.run)

    async def ring(self, key: object) -> str:
        """The code of the refusal, "" for none."""
        try:
            await asyncio.to_thread(self.desk.place, NewCall(to=str(USUAL)), LINE.business_id, str(key))
        except CallError as refusal:
            return refusal.code
        return ""


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_balance_is_followed_down_and_up_again(simulator: Simulator, dialect: str) -> None:
    till = Till(simulator, dialect)
    stood = []
    for minor in (500_000, 49_999, 0, 55_000, 60_000):
        simulator.wallet.balance_minor = minor
        stood.append(await till.read())
    till.carrier.close()
    assert stood == [Standing.OK, Standing.LOW, Standing.EMPTY, Standing.LOW, Standing.OK]
    told = [(kind, detail["balance_micros"]) for kind, detail in till.events]
    assert told == [("WalletLow", 499_990_000), ("WalletLow", 0), ("WalletRestored", 600_000_000)]


async def test_a_402_is_asked_for_once_and_told_of_by_ourselves_from_then_on(simulator: Simulator) -> None:
    """F4.9: each round an empty wallet meets a call; the carrier is asked once a round, and nothing stays reserved."""
    till = Till(simulator)
    for number in range(ROUNDS):
        simulator.wallet.balance_minor = 0
        before = len(simulator.requests)
        assert await till.ring(f"a{number}") == "wallet.insufficient_funds"
        assert [await till.ring(f"b{number}-{n}") for n in range(3)] == ["wallet_empty"] * 3
        assert len(simulator.requests) == before + 1
        simulator.wallet.balance_minor = 70_000
        assert await till.read() is Standing.OK
    assert await till.ring("at last") == ""
    till.carrier.close()
    assert till.books.day.spent_micros == 0
    assert sum(hold.expected_micros for hold in till.books.day.holds) == 17_500_000


@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=403, shape="html"), Fault(status=429, retry_after_s=3)]
)
async def test_trouble_at_the_carrier_is_no_empty_wallet(simulator: Simulator, fault: Fault) -> None:
    till = Till(simulator)
    assert await till.read() is Standing.OK
    fault.method, fault.path = "GET", "/v1/wallet"
    simulator.fail(fault)
    assert await till.read() is Standing.OK
    till.carrier.close()
    assert till.events == []


async def shown(state: Path, as_json: bool, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = await asyncio.to_thread(run_wallet, state, None, "", as_json)
    return code, capsys.readouterr().out


async def test_the_command_asks_the_carrier_that_the_environment_names(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAUTIKIT_API_KEY", "key")
    monkeypatch.setenv("SAUTIKIT_API_BASE", simulator.base_url)
    code, out = await shown(tmp_path, True, capsys)
    found = json.loads(out)
    assert (code, found["standing"], found["balance_micros"]) == (0, "ok", 5_000 * MICROS)
    assert (found["minute_micros"], found["minutes_left"]) == (3_500_000, 1_428)
    simulator.wallet.balance_minor = 12_345
    code, out = await shown(tmp_path, False, capsys)
    assert code == 1
    assert out.splitlines()[0].startswith("balance    KES 123.45: low")
    assert "35 minutes" in out


async def test_the_command_finds_the_running_stack(
    simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"carrier_url": simulator.base_url}))
    (tmp_path / "secrets.json").write_text(json.dumps({"carrier_api_key": "key"}))
    code, out = await shown(tmp_path, True, capsys)
    assert (code, json.loads(out)["carrier"]) == (0, simulator.base_url)


async def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(run_wallet, tmp_path, None, "", False) == 2
    assert "pokea up" in capsys.readouterr().err
