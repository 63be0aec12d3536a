"""Price tables of models: each mistake is one line that names the file and the key; the tables that ship say where they come from."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.engines import GEMINI, OPENAI
from bridge.wire.openai_realtime_dialects import OPENAI_DIALECT
from pokea.billing.exchange import ExchangeRates, exchange_in, exchange_of, packaged_exchange
from pokea.billing.model_cost import prices_of
from pokea.billing.model_prices import (
    _FILE_KEYS,
    _ROW_KEYS,
    KEY_OF,
    PACKAGED_PRICES,
    BadPrices,
    PriceList,
    PriceTable,
    load_prices,
    model_name,
    packaged_prices,
    price_table,
    prices_in,
)
from pokea.billing.usage import Meter
from tests.house.rules import ROOT

ROW: dict[str, Any] = {"models": ["gemini-3.8-live"], "text_in": "0.75", "audio_in": "3.00"}
RATE: dict[str, Any] = {"currency": "KES", "per_usd": "130.00", "from": datetime(2026, 1, 1, tzinfo=UTC)}
CHANGE = datetime(2027, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


def table(*rows: object, **keys: object) -> PriceTable:
    return price_table({"id": "sample", "engine": "gemini", "row": list(rows or (ROW,)), **keys}, "sample.toml")


def rates(*rows: object, **keys: object) -> ExchangeRates:
    return exchange_of({"id": "sample", "rate": list(rows or (RATE,)), **keys}, "sample.toml")


def problem(reader: Any, *rows: object, **keys: object) -> str:
    with pytest.raises(BadPrices) as caught:
        reader(*rows, **keys)
    message = str(caught.value.message)
    assert message.startswith("sample.toml: ")
    assert "\n" not in message
    return message.removeprefix("sample.toml: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("models", []),
        ("models", "gemini-3.8-live"),
        ("models", ["Gemini-3.8-Live"]),
        ("models", ["models/gemini-3.8-live"]),
        ("models", ["gem*ini"]),
        ("models", [""]),
        ("models", [7]),
        ("text_in", 0.75),
        ("text_in", 1),
        ("text_in", "0,75"),
        ("text_in", "-1.00"),
        ("audio_out", "0.0000001"),
        ("session_minute", "free"),
        ("session_ms", "0.05"),
        ("from", "2026-01-01"),
        ("from", datetime(2026, 1, 1)),
        ("source", 7),
        ("doubt", ["none"]),
        ("colour", "red"),
    ],
)
def test_a_bad_price_names_its_row_and_key(key: str, value: object) -> None:
    assert problem(table, {**ROW, key: value}).startswith(f"row 1: {key}")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"id": "No Id"}, "id"),
        ({"id": None}, "id"),
        ({"engine": "Google!"}, "engine"),
        ({"row": []}, "row"),
        ({"row": ["x"]}, "row 1"),
        ({"row": [{"models": ["a"]}]}, "row 1: models: have no price"),
        ({"row": [{"text_in": "1"}]}, "row 1: models: is missing"),
        ({"currency": "USD"}, "currency"),
    ],
)
def test_a_bad_table_names_its_key(keys: dict[str, object], named: str) -> None:
    assert problem(table, **keys).startswith(named)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("currency", "QQQ"),
        ("currency", "USD"),
        ("per_usd", 130),
        ("per_usd", "0"),
        ("per_usd", "-1"),
        ("from", None),
        ("to", datetime(2026, 1, 1, tzinfo=UTC)),
        ("colour", "red"),
    ],
)
def test_a_bad_rate_names_its_row_and_key(key: str, value: object) -> None:
    row = {name: one for name, one in {**RATE, key: value}.items() if one is not None}
    assert problem(rates, row).startswith(f"rate 1: {key}")


def test_a_bad_table_of_rates_names_its_key() -> None:
    assert problem(rates, id="A B").startswith("id")
    assert problem(rates, rate=[]).startswith("rate")
    assert problem(rates, base="USD").startswith("base")


@pytest.mark.parametrize(
    ("one", "other", "is_clash"),
    [
        ({}, {}, True),
        ({"to": CHANGE}, {"from": CHANGE}, False),
        ({"from": CHANGE}, {"to": CHANGE}, False),
        ({"to": CHANGE}, {}, True),
        ({}, {"models": ["gemini-3.8-live", "other"]}, True),
        ({}, {"models": ["gemini-3.8*"]}, False),
        ({}, {"models": ["gemini-3.1"]}, False),
    ],
)
def test_of_one_model_and_meter_two_rows_never_hold_at_once(one: Any, other: Any, is_clash: bool) -> None:
    rows = {**ROW, **one}, {**ROW, **other}
    if is_clash:
        assert problem(table, *rows) == "row 2: has a price for gemini-3.8-live, text_in at the same time as row 1"
    else:
        assert len(table(*rows).rows) == 2


def test_the_meters_of_a_model_may_stand_in_several_rows() -> None:
    assert len(table(ROW, {"models": ["gemini-3.8-live"], "text_out": "4.50"}).rows) == 2


def test_two_rates_of_a_currency_never_hold_at_once() -> None:
    late = {**RATE, "from": CHANGE, "per_usd": "131.00"}
    assert problem(rates, late, RATE) == "rate 1: holds at the same time as rate 2"
    both = rates({**RATE, "to": CHANGE}, late, {**RATE, "currency": "UGX"})
    found = [both.rate("KES", at) for at in (CHANGE, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))]
    assert [rate and rate.micros_per_usd for rate in found] == [131_000_000, 130_000_000]


def test_a_day_before_the_first_rate_is_unknown() -> None:
    assert rates().rate("KES", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)) is None
    assert rates().rate("UGX", TODAY) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("gemini-3.8-live", "gemini-3.8-live"),
        ("models/gemini-3.8-live", "gemini-3.8-live"),
        ("projects/p/locations/us/publishers/google/models/Gemini-3.8-Live", "gemini-3.8-live"),
        ("  GPT-Realtime-2.1 ", "gpt-realtime-2.1"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/llama-3.1-8b"),
        ("", ""),
    ],
)
def test_a_model_has_one_name(written: str, name: str) -> None:
    assert model_name(written) == name


def test_the_longest_name_that_holds_at_the_time_wins() -> None:
    known = PriceList(
        [
            table(
                {"models": ["*"], "text_in": "9.00"},
                {"models": ["a*"], "text_in": "8.00"},
                {"models": ["a-1*"], "text_in": "7.00", "to": CHANGE},
                {"models": ["a-1"], "text_in": "6.00", "to": CHANGE},
                {"models": ["a-1"], "text_in": "5.00", "from": datetime(2028, 1, 1, tzinfo=UTC)},
            )
        ]
    )

    def price(model: str, at: datetime = TODAY) -> int | None:
        row = known.row("gemini", model, Meter.TEXT_IN, at)
        return row and row.micros[Meter.TEXT_IN] // 1_000_000

    assert [price(model) for model in ("a-1", "models/A-1", "a-1.5", "a", "ab", "b", "")] == [6, 6, 7, 8, 8, 9, 9]
    assert price("a-1", CHANGE) == 8  # a shorter name fills the gap
    assert price("a-1", datetime(2028, 1, 1, tzinfo=UTC)) == 5
    assert known.row("openai", "a-1", Meter.TEXT_IN, TODAY) is None
    assert known.row("gemini", "a-1", Meter.TEXT_OUT, TODAY) is None


# Meter by meter, as the providers print them: dollars for 1,000,000 tokens, or for a minute.
PUBLISHED = {
    ("gemini", "gemini-3.8-live"): "text_in 0.75, audio_in 3, image_in 1, text_out 4.5, audio_out 12, thought_out 4.5",
    ("gemini", "gemini-3.1-flash-live-preview"): "text_in 0.75, audio_in 3, image_in 1, text_out 4.5, audio_out 12",
    ("gemini", "gemini-live-2.5-flash-native-audio"): "text_in 0.5, audio_in 3, text_out 2, audio_out 12",
    ("gemini", "gemini-2.5-flash-native-audio-preview-12-2025"): "text_in 0.5, audio_in 3, text_out 2, audio_out 12",
    ("openai", "gpt-realtime-2.1"): (
        "text_in 4, text_in_cached 0.4, audio_in 32, audio_in_cached 0.4, text_out 24, audio_out 64, thought_out 24"
    ),
    ("openai", "gpt-realtime-2"): "text_in 4, text_in_cached 0.4, audio_in 32, audio_in_cached 0.4, audio_out 64",
    ("openai", "gpt-realtime-2.1-mini"): (
        "text_in 0.6, text_in_cached 0.06, audio_in 10, audio_in_cached 0.3, text_out 2.4, audio_out 20"
    ),
    ("openai", "gpt-live-1"): "session_ms 0.05",
    ("openai", "gpt-transcribe"): "heard_ms 0.0045",
}


@pytest.mark.parametrize(("engine", "model"), PUBLISHED)
def test_the_prices_that_ship_are_the_published_ones(engine: str, model: str) -> None:
    for pair in PUBLISHED[engine, model].split(", "):
        meter, price = pair.split(" ")
        row = packaged_prices().row(engine, model, Meter(meter), TODAY)
        assert row is not None, pair
        assert row.micros[Meter(meter)] == round(float(price) * 1_000_000), pair


def test_every_figure_that_ships_has_a_source_and_a_day() -> None:
    for known in packaged_prices().tables:
        for row in known.rows:
            assert row.source
            assert row.valid_from is not None
    for rate in packaged_exchange().rates:
        assert rate.source
        assert "POKEA_PRICES_DIR" in rate.doubt  # a figure to plan with says so


def test_a_figure_does_not_hold_before_the_day_on_which_it_was_read() -> None:
    assert packaged_prices().row("gemini", "gemini-3.8-live", Meter.TEXT_IN, datetime(2026, 10, 3, tzinfo=UTC)) is None


def test_what_the_bridge_runs_by_default_has_a_price() -> None:
    for engine in (GEMINI, OPENAI):
        for meter in (Meter.TEXT_IN, Meter.AUDIO_IN, Meter.TEXT_OUT, Meter.AUDIO_OUT, Meter.THOUGHT_OUT):
            assert packaged_prices().row(engine.name, engine.model, meter, TODAY) is not None
    assert packaged_prices().row("openai", OPENAI_DIALECT.transcription, Meter.HEARD_MS, TODAY) is not None


def test_what_runs_on_ones_own_machines_has_no_public_price() -> None:
    for engine in ("cascade", "openai-compatible", "self-hosted"):
        assert all(packaged_prices().row(engine, "llama-3.1", meter, TODAY) is None for meter in Meter)


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


OWN = """
id = "own"
engine = "{engine}"
[[row]]
models = ["{model}"]
text_in = "{price}"
"""


def test_prices_of_ones_own_go_before_those_that_ship(tmp_path: Path) -> None:
    written(tmp_path, "a.toml", OWN.format(engine="gemini", model="*", price="0.10"))
    prices, exchange = prices_of(tmp_path)
    found = {meter: prices.row("gemini", "gemini-3.8-live", meter, TODAY) for meter in (Meter.TEXT_IN, Meter.AUDIO_IN)}
    assert {meter: row and (row.table_id, row.micros[meter]) for meter, row in found.items()} == {
        Meter.TEXT_IN: ("own", 100_000),
        Meter.AUDIO_IN: ("gemini-live-2026-10-04", 3_000_000),  # what the own table does not say
    }
    assert exchange is packaged_exchange()


def test_what_runs_on_ones_own_machines_costs_what_one_says(tmp_path: Path) -> None:
    written(tmp_path, "cascade.toml", OWN.format(engine="cascade", model="*", price="0"))
    row = prices_in(tmp_path).row("cascade", "", Meter.TEXT_IN, TODAY)
    assert row is not None
    assert row.cost(Meter.TEXT_IN, 10**9) == 0


def test_rates_of_ones_own_stand_alone(tmp_path: Path) -> None:
    text = 'id = "bank"\n[[rate]]\ncurrency = "UGX"\nper_usd = "3600"\nfrom = 2026-11-01T00:00:00+03:00\n'
    own = exchange_in(written(tmp_path, "exchange.toml", text))
    assert (own.exchange_id, own.rate("KES", TODAY)) == ("bank", None)
    rate = own.rate("UGX", TODAY)
    assert rate is not None
    assert rate.describe() == "bank: 1 USD = 3600.00 UGX"
    assert prices_in(tmp_path).tables == packaged_prices().tables


def test_a_file_that_is_no_table_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    for content in (b"\xff\xfe", b"id = ", b"id = 1"):
        file.write_bytes(content)
        with pytest.raises(BadPrices, match=r"own\.toml: "):
            load_prices(file)
    with pytest.raises(BadPrices, match="cannot be read"):
        load_prices(tmp_path / "none.toml")
    with pytest.raises(BadPrices, match="is not a folder"):
        prices_of(tmp_path / "none")


def test_two_tables_of_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        written(tmp_path, name, OWN.format(engine="cascade", model="x", price="1"))
    with pytest.raises(BadPrices, match="own is the id of two tables"):
        prices_of(tmp_path)


def test_each_meter_has_a_key_and_every_file_that_ships_is_read() -> None:
    assert set(KEY_OF) == set(Meter)
    assert len(set(KEY_OF.values())) == len(Meter)
    files = {path.name for path in PACKAGED_PRICES.glob("*.toml")}
    assert files == {"gemini.toml", "openai.toml", "exchange.toml"}
    assert len(packaged_prices().tables) == 2


def test_the_examples_in_the_documents_are_read() -> None:
    page = (ROOT / "docs/model-costs.md").read_text(encoding="utf-8")
    own, servers, bank = (part.split("```")[0] for part in page.split("```toml\n")[1:])
    known = PriceList([price_table(tomllib.loads(text), "docs") for text in (own, servers)])
    found = [known.row("gemini", "gemini-3.8-live", Meter.AUDIO_IN, at) for at in (TODAY, CHANGE)]
    assert [row and row.micros[Meter.AUDIO_IN] for row in found] == [3_000_000, 2_500_000]
    assert known.row("cascade", "whatever", Meter.SPOKEN_CHARS, TODAY) is not None
    rate = exchange_of(tomllib.loads(bank), "docs").rate("KES", CHANGE)
    assert rate is not None
    assert rate.micros_per_usd == 130_400_000


def test_the_documents_name_every_key_meter_and_table_that_ships() -> None:
    page = (ROOT / "docs/model-costs.md").read_text(encoding="utf-8")
    for name in (*(_FILE_KEYS - {"row"}), *(_ROW_KEYS - set(KEY_OF.values())), *Meter):
        assert f"`{name}`" in page
    for table_id in (*(known.table_id for known in packaged_prices().tables), packaged_exchange().exchange_id):
        assert f"| `{table_id}` |" in page
