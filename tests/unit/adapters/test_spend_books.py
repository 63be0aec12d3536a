"""Who hears of a spending cap that was reached."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pokea.adapters import clients
from pokea.adapters.observability import Log
from pokea.adapters.spend_books import spend_ledger
from pokea.billing.spend import Need
from pokea.errors import Denied
from tests.fakes.memory_store import MemoryStore
from tests.support.spending import CLINIC, MORNING, RARE, business

EXAMPLE = Path(__file__).resolve().parents[3] / "events/spend-cap-reached.json"


class Bus:
    """Stands where the EventBridge client is; `works` False: it takes nothing."""

    def __init__(self) -> None:
        self.works = True
        self.taken: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, int]:
        if self.works:
            self.taken += Entries
        return {"FailedEntryCount": 0 if self.works else 1}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    found = Bus()
    monkeypatch.setattr(clients, "events", lambda: found)
    yield found


def refused_twice(store: MemoryStore, logged: io.StringIO, bus: str, name: str, folder: Path) -> None:
    profile = business(daily=300_000, unusual=1)
    rows = '[[row]]\ndirection = "outbound"\nper_minute = "90.00"\nrounding = "per_second"\n'
    (folder / "decks").mkdir()
    (folder / f"decks/{profile.billing.deck}.toml").write_text(f'id = "own"\ncurrency = "KES"\n{rows}')
    ledger = spend_ledger(lambda: store, lambda: {profile.business_id: profile}, folder, bus, Log(name, logged))
    for label in ("pk1", "pk2"):
        with pytest.raises(Denied):
            ledger.admit(CLINIC.business_id, label, RARE, Need.CALL, MORNING)


def test_a_cap_is_told_of_once_as_a_metric_and_as_an_event(
    bus: Bus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = io.StringIO()
    refused_twice(MemoryStore(), logged, "pokea", "spend-1", tmp_path)
    assert capsys.readouterr().out.count('"SpendCapReached":[1.0]') == 1
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    (entry,) = bus.taken
    assert (entry["DetailType"], json.loads(entry["Detail"])) == (example["detail-type"], example["detail"])
    assert "+252" not in logged.getvalue()


def test_a_bus_that_takes_nothing_changes_nothing_of_the_refusal(bus: Bus, tmp_path: Path) -> None:
    bus.works = False
    logged = io.StringIO()
    refused_twice(MemoryStore(), logged, "pokea", "spend-2", tmp_path)
    assert "bus_unavailable" in logged.getvalue()


def test_without_a_bus_the_metric_still_tells(bus: Bus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused_twice(MemoryStore(), io.StringIO(), "", "spend-3", tmp_path)
    assert bus.taken == []
    assert capsys.readouterr().out.count("SpendCapReached") >= 1
