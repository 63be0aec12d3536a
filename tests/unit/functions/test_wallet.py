"""functions/wallet: what it keeps, what it tells, and what it does when the carrier, the store or the bus fails."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.wallet import app
from functions.wallet.keeper import WalletKeeper
from functions.wallet.wiring import thresholds
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.billing.wallet import ACCOUNT, WALLET, WALLET_KEY, Balance, Standing, Wallet
from pokea.billing.wallet_book import WalletBook
from pokea.clock import ManualClock
from pokea.errors import CallError, Denied, Unavailable
from pokea.money import MICROS
from tests.fakes.memory_store import MemoryStore
from tests.support.spending import CLINIC, MORNING, business

EVENTS = Path(__file__).resolve().parents[3] / "events"
_names = itertools.count()


def sample(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8")))


class Purse:
    """The carrier's wallet; an error instead of a balance is raised."""

    def __init__(self) -> None:
        self.says: int | CallError = 1_000

    def wallet(self) -> Balance:
        if isinstance(self.says, CallError):
            raise self.says
        return Balance(self.says * MICROS, "KES", 500 * MICROS)


class Treasury:
    def __init__(self) -> None:
        self.purse, self.store, self.clock = Purse(), MemoryStore(), ManualClock(MORNING)
        self.events: list[tuple[str, Mapping[str, str | int]]] = []
        self.bus_is_down = False
        self.logged = io.StringIO()
        self.book = WalletBook(lambda: self.store, self.clock)
        keeper = WalletKeeper(
            carrier=lambda: self.purse,
            book=self.book,
            own_micros=lambda currency: 0,
            emit=self._emit,
            clock=self.clock,
            log=Log(f"wallet-{next(_names)}", self.logged),
        )
        self._handler = app.make_handler(lambda: keeper)

    def _emit(self, kind: str, detail: Mapping[str, str | int]) -> None:
        if self.bus_is_down:
            raise Unavailable("bus_unavailable")
        self.events.append((kind, detail))

    def by_schedule(self) -> dict[str, str]:
        return self._handler(sample("wallet"), None)

    def run(self, says: int | CallError | None = None) -> str:
        if says is not None:
            self.purse.says = says
        self.clock.advance(300)
        return self._handler({}, None)["standing"]

    @property
    def kept(self) -> Wallet | None:
        return self.store.record(WALLET, ACCOUNT, WALLET_KEY)


def test_a_crossing_is_told_once_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    treasury = Treasury()
    assert [treasury.run(n) for n in (1_000, 499, 480, 550, 0, 620)] == ["ok", "low", "low", "low", "empty", "ok"]
    assert [(kind, detail["standing"]) for kind, detail in treasury.events] == [
        ("WalletLow", "low"), ("WalletLow", "empty"), ("WalletRestored", "ok"),
    ]  # fmt: skip
    assert treasury.events[0][1] == {
        "version": 1,
        "standing": "low",
        "balance_micros": 499 * MICROS,
        "threshold_micros": 500 * MICROS,
        "currency": "KES",
    }
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    names = [name for line in counted for name in ("WalletLow", "WalletEmpty") if name in line]
    assert names == ["WalletLow"] * 4 + ["WalletEmpty"]  # with every reading, so that the alarm lasts


def test_the_example_events_are_what_the_function_takes_and_tells() -> None:
    treasury = Treasury()
    treasury.purse.says = 499
    assert treasury.by_schedule() == {"standing": "low"}
    example = sample("wallet-low")
    assert treasury.events == [(example["detail-type"], example["detail"])]


@pytest.mark.parametrize("trouble", [Denied("api_key.scope_denied"), Unavailable("carrier_unreachable")])
def test_a_wallet_that_cannot_be_read_is_believed_for_a_while_and_then_unknown(
    trouble: CallError, capsys: pytest.CaptureFixture[str]
) -> None:
    treasury = Treasury()
    treasury.run(10)
    assert [treasury.run(trouble) for _ in range(4)] == ["low", "low", "low", "unknown"]
    assert capsys.readouterr().out.count('"WalletNotRead":[1.0]') == 4
    assert treasury.kept is not None and treasury.kept.balance_micros == 10 * MICROS


def test_an_event_that_the_bus_did_not_take_is_told_with_the_next_reading() -> None:
    treasury = Treasury()
    treasury.bus_is_down = True
    with pytest.raises(Unavailable):
        treasury.run(10)
    assert treasury.kept is not None and treasury.kept.standing is Standing.LOW
    treasury.bus_is_down = False
    treasury.run(9)
    treasury.run(8)
    assert [kind for kind, _ in treasury.events] == ["WalletLow"]


def test_our_own_threshold_is_an_hour_of_talk_where_it_costs_most(tmp_path: Path) -> None:
    log = Log(f"wallet-{next(_names)}", io.StringIO())
    (tmp_path / "decks").mkdir()
    rows = '[[row]]\ndirection = "outbound"\nper_minute = "{}"\nrounding = "per_second"\n'
    (tmp_path / "decks/test-kes.toml").write_text('id = "dear"\ncurrency = "KES"\n' + rows.format("7.00"))
    wanted = [CLINIC, business()]
    clock = ManualClock(MORNING)
    assert thresholds(wanted[:1], tmp_path, clock, log) == {"KES": 210 * MICROS}  # 3.00 and 0.50 for the stream
    assert thresholds(wanted, tmp_path, clock, log) == {"KES": 420 * MICROS}
    (tmp_path / "decks/test-kes.toml").write_text("nonsense")
    assert thresholds(wanted[1:], tmp_path, clock, log) == {}


def carrier_saying(reply: httpx.Response, dialect: str = "live") -> tuple[Carrier, list[str]]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return reply

    settings = CarrierSettings("key", "https://carrier.test", DIALECTS[dialect])
    return Carrier(settings, httpx.MockTransport(answer)), asked


@pytest.mark.parametrize(("dialect", "path"), [("live", "/v1/wallet"), ("documented", "/v1/wallet/balance")])
def test_the_carrier_is_asked_in_its_dialect(dialect: str, path: str) -> None:
    body = {"balance_minor": 12_345, "currency": "KES", "low_balance_threshold_minor": 50_000}
    for wrapped in (body, {"wallet": body}, {"data": body}):
        carrier, asked = carrier_saying(httpx.Response(200, json=wrapped), dialect)
        assert carrier.wallet() == Balance(123_450_000, "KES", 500 * MICROS)
        assert asked == [f"GET {path}"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"balance_minor": "12", "currency": "KES"}, {"balance_minor": True, "currency": "KES"},
        {"balance_minor": 1.5, "currency": "KES"}, {"balance_minor": None, "currency": "KES"},
        {"balance_minor": 12}, {"balance_minor": 12, "currency": "BTC"},
    ],
)  # fmt: skip
def test_a_reply_that_does_not_say_the_balance_is_no_balance(body: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="wallet"):
        carrier_saying(httpx.Response(200, json=body))[0].wallet()


@pytest.mark.parametrize("low", [None, -1, "500", True])
def test_a_threshold_that_is_not_said_is_none(low: Any) -> None:
    body = {"balance_minor": 12, "currency": "KES", "low_balance_threshold_minor": low}
    assert carrier_saying(httpx.Response(200, json=body))[0].wallet().threshold_micros is None


@pytest.mark.parametrize(
    ("status", "error"), [(401, Denied), (403, Denied), (429, Unavailable), (500, Unavailable), (503, Unavailable)]
)
def test_trouble_with_the_wallet_is_classified(status: int, error: type[CallError]) -> None:
    with pytest.raises(error):
        carrier_saying(httpx.Response(status))[0].wallet()
