"""What a call's models cost: sums worked out by hand, prices that change, and what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pokea.billing.exchange import ExchangeRates, exchange_of, packaged_exchange
from pokea.billing.model_cost import NO_USAGE, ModelCost, model_cost
from pokea.billing.model_prices import PriceList, packaged_prices, price_table
from pokea.billing.usage import Meter, ModelUsage, added
from pokea.errors import Misuse
from tests.house.rules import ROOT

TODAY = datetime(2026, 11, 21, 9, tzinfo=UTC)
CHANGE = datetime(2027, 1, 1, tzinfo=UTC)
GEMINI, OPENAI, MINI = "gemini/gemini-3.8-live", "openai/gpt-realtime-2.1", "openai/gpt-realtime-2.1-mini"


def used(model: str, **meters: int) -> ModelUsage:
    engine, _, name = model.partition("/")
    return ModelUsage(engine, name, {Meter(meter): count for meter, count in meters.items()}, turns=1)


def cost(*usages: ModelUsage, at: datetime = TODAY, currency: str = "KES") -> ModelCost:
    return model_cost(usages, at, packaged_prices(), packaged_exchange(), currency)


# Each figure in micro-dollars, then the sum in micro-shillings at 130.00.
BY_HAND: list[tuple[str, tuple[ModelUsage, ...], dict[str, int], int]] = [
    # 1,000,000 tokens cost the printed price.
    (
        "a million of each",
        (used(GEMINI, text_in=10**6, audio_in=10**6, text_out=10**6, audio_out=10**6),),
        {"text_in": 750_000, "audio_in": 3_000_000, "text_out": 4_500_000, "audio_out": 12_000_000},
        2_632_500_000,
    ),
    # A minute of sound is 1,500 tokens: 1,500 × 12 ÷ 1,000,000 = 0.018.
    ("a minute of the agent's voice", (used(GEMINI, audio_out=1_500),), {"audio_out": 18_000}, 2_340_000),
    ("a minute of the caller's voice", (used(GEMINI, audio_in=1_500),), {"audio_in": 4_500}, 585_000),
    # 522 × 0.75 = 391.5 goes up; 42 × 12 = 504; 136 × 4.5 = 612. Sum 1508, × 130 = 196040.
    (
        "halves go up",
        (used(GEMINI, text_in=522, audio_out=42, thought_out=136),),
        {"text_in": 392, "audio_out": 504, "thought_out": 612},
        196_040,
    ),
    # 1 × 0.75 = 0.75 is 1; 3 × 0.75 = 2.25 is 2.
    ("one token", (used(GEMINI, text_in=1),), {"text_in": 1}, 130),
    ("three tokens", (used(GEMINI, text_in=3),), {"text_in": 2}, 260),
    # 100 × 4.5 = 450; 258 × 1.00 = 258.
    ("a picture", (used(GEMINI, image_in=258, text_out=100),), {"image_in": 258, "text_out": 450}, 92_040),
    # 600 × 32 = 19200 and 3000 × 0.40 = 1200: what is cached costs an eightieth.
    (
        "a cached context",
        (used(OPENAI, audio_in=600, audio_in_cached=3_000, text_in_cached=5_000),),
        {"audio_in": 19_200, "audio_in_cached": 1_200, "text_in_cached": 2_000},
        2_912_000,
    ),
    # A minute in: 600 tokens, 0.0192; a minute out: 1,200 tokens, 0.0768.
    (
        "minutes at OpenAI",
        (used(OPENAI, audio_in=600, audio_out=1_200),),
        {"audio_in": 19_200, "audio_out": 76_800},
        12_480_000,
    ),
    (
        "the same, mini",
        (used(MINI, audio_in=600, audio_out=1_200),),
        {"audio_in": 6_000, "audio_out": 24_000},
        3_900_000,
    ),
    # 7 × 0.06 = 0.42 is 0, and stands as a line; 9 × 0.06 = 0.54 is 1.
    ("less than half a micro-dollar", (used(MINI, text_in_cached=7),), {"text_in_cached": 0}, 0),
    ("more than half a micro-dollar", (used(MINI, text_in_cached=9),), {"text_in_cached": 1}, 130),
    # 90 s of a session: 1.5 × 0.05.
    ("by the minute", (used("openai/gpt-live-1", session_ms=90_000),), {"session_ms": 75_000}, 9_750_000),
    # 1 ms: 50000 ÷ 60000 = 0.83 is 1.
    ("a millisecond", (used("openai/gpt-live-1", session_ms=1),), {"session_ms": 1}, 130),
    # 20 s of the caller: a third of 0.0045.
    (
        "two models of one call",
        (used(OPENAI, audio_in=200), used("openai/gpt-transcribe", heard_ms=20_000)),
        {"audio_in": 6_400, "heard_ms": 1_500},
        1_027_000,
    ),
    # 334 twice is 668: 668 × 0.75 = 501. Rounded apart it would be 251 + 251.
    ("one line for one meter", (used(GEMINI, text_in=334), used(GEMINI, text_in=334)), {"text_in": 501}, 65_130),
    (
        "two spellings are one model",
        (used(GEMINI, text_in=334), used("gemini/models/Gemini-3.8-Live", text_in=334)),
        {"text_in": 501},
        65_130,
    ),
    (
        "an older model",
        (used("gemini/gemini-live-2.5-flash-native-audio", text_in=3_000, thought_out=50),),
        {"text_in": 1_500, "thought_out": 100},
        208_000,
    ),
]


@pytest.mark.parametrize(
    ("usages", "lines", "shillings"), [row[1:] for row in BY_HAND], ids=[row[0] for row in BY_HAND]
)
def test_sums_worked_out_by_hand(usages: tuple[ModelUsage, ...], lines: dict[str, int], shillings: int) -> None:
    known = cost(*usages)
    assert {line.meter.value: line.micros for line in known.lines} == lines
    assert (known.micros, known.charge_micros, known.unpriced) == (sum(lines.values()), shillings, "")


def test_there_are_enough_of_them() -> None:
    assert len(BY_HAND) >= 12


# --- the whole context is billed again with every turn ---------------------------------------------------------------------

TURN_S, PROMPT = 15, 3_000  # 6 s the caller, 6 s the agent, 3 s nobody; the prompt with its tools, in tokens
HEARD, SAID, WRITTEN = 9 * 25, 6 * 25, 40  # of each turn: sound in with its silence, sound out, both transcripts


def turns(minutes: int, *, rebilled: bool = True, trigger: int | None = None, target: int = 0) -> list[ModelUsage]:
    """What the model reports of each turn. `trigger`: above so many tokens the context is cut to `target`."""
    reports, past = [], 0
    for turn in range(minutes * 60 // TURN_S):
        if trigger is not None and PROMPT + past > trigger:
            past = target - PROMPT
        context = past if rebilled else 0
        prompt = PROMPT if rebilled or turn == 0 else 0
        reports.append(used(GEMINI, text_in=prompt, audio_in=context + HEARD, text_out=WRITTEN, audio_out=SAID))
        past += HEARD + SAID
    return reports


@pytest.mark.parametrize(
    ("minutes", "once", "again", "cut"),
    [
        (3, "0.03", "0.13", "0.13"),
        (5, "0.06", "0.31", "0.25"),
        (10, "0.11", "1.07", "0.57"),
        (15, "0.16", "2.29", "0.88"),
    ],
)
def test_a_call_costs_the_sum_of_its_turns(minutes: int, once: str, again: str, cut: str) -> None:
    """The figures of the published cost model: nothing billed again, everything, and a context that is cut at 8,000 tokens to 5,000."""
    shown = []
    for reports in (turns(minutes, rebilled=False), turns(minutes), turns(minutes, trigger=8_000, target=5_000)):
        micros = cost(*reports).micros
        assert micros is not None
        assert micros == cost(*added(reports)).micros
        shown.append(f"{micros / 1_000_000:.2f}")
    assert shown == [once, again, cut]


def test_the_largest_turn_is_a_small_part_of_what_is_billed() -> None:
    reports = turns(5)
    whole, largest = cost(*reports).micros, cost(reports[-1]).micros
    assert whole is not None
    assert largest is not None
    assert whole > 11 * largest


def test_the_worked_example_of_the_documents_is_right() -> None:
    page = (ROOT / "docs/model-costs.md").read_text(encoding="utf-8")
    example = cost(*turns(5))
    assert [(line.meter, line.count, line.micros) for line in example.lines] == [
        (Meter.TEXT_IN, 60_000, 45_000),
        (Meter.AUDIO_IN, 75_750, 227_250),
        (Meter.TEXT_OUT, 800, 3_600),
        (Meter.AUDIO_OUT, 3_000, 36_000),
    ]
    assert (example.micros, example.charge_micros) == (311_850, 40_540_500)
    for line in example.lines:
        assert f"| `{line.meter}` | {line.count:,} |" in page
        assert f"| {line.micros / 1_000_000:.6f} |" in page
    assert "0.311850" in page
    assert "40.5405" in page


# --- prices that change --------------------------------------------------------------------------------------------------

RISING = PriceList(
    [
        price_table(
            {
                "id": "rising",
                "engine": "gemini",
                "row": [
                    {"models": ["m"], "text_in": "1.00", "to": CHANGE, "doubt": "an old page"},
                    {"models": ["m"], "text_in": "2.00", "from": CHANGE, "to": CHANGE + timedelta(days=30)},
                ],
            },
            "rising.toml",
        )
    ]
)


def rate(per_usd: str, **dates: datetime) -> dict[str, Any]:
    return {"currency": "KES", "per_usd": per_usd, **dates}


FALLING = exchange_of(
    {"id": "falling", "rate": [rate("130", **{"from": TODAY, "to": CHANGE}), rate("125.5", **{"from": CHANGE})]},
    "falling.toml",
)


@pytest.mark.parametrize(
    ("at", "micros", "shillings"),
    [
        (TODAY, 1_000_000, 130_000_000),
        (CHANGE - timedelta(microseconds=1), 1_000_000, 130_000_000),
        (CHANGE, 2_000_000, 251_000_000),
        (CHANGE + timedelta(days=29), 2_000_000, 251_000_000),
        (CHANGE + timedelta(days=30), None, None),
    ],
)
def test_the_price_and_the_rate_are_those_of_the_calls_beginning(
    at: datetime, micros: int | None, shillings: int | None
) -> None:
    found = model_cost([used("gemini/m", text_in=10**6)], at, RISING, FALLING, "KES")
    assert (found.micros, found.charge_micros) == (micros, shillings)


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    from zoneinfo import ZoneInfo

    at = CHANGE.astimezone(ZoneInfo("Africa/Nairobi"))
    assert model_cost([used("gemini/m", text_in=10**6)], at, RISING, FALLING, "KES").micros == 2_000_000


def test_a_cost_names_the_tables_it_comes_from_and_their_doubts() -> None:
    found = model_cost([used("gemini/m", text_in=1)], TODAY, RISING, FALLING, "KES")
    assert (found.prices, found.exchange, found.doubt) == ("rising", "falling: 1 USD = 130.00 KES", "an old page")
    shipped = cost(used(GEMINI, audio_in=1), used(OPENAI, audio_in=1))
    assert shipped.prices == "gemini-live-2026-10-04, openai-realtime-2026-11-20"
    assert shipped.exchange == "planning-2026: 1 USD = 130.00 KES"
    assert "planning figure" in shipped.doubt


def test_dollars_need_no_rate() -> None:
    found = cost(used(GEMINI, audio_in=1_500), currency="USD")
    assert (found.micros, found.charge_micros, found.exchange, found.doubt) == (4_500, 4_500, "", "")


# --- what is unknown -----------------------------------------------------------------------------------------------------


def test_without_any_usage_nothing_is_known() -> None:
    found = cost()
    assert (found.micros, found.charge_micros, found.unpriced) == (None, None, NO_USAGE)


def test_a_model_that_was_never_used_costs_nothing() -> None:
    for idle in (ModelUsage("cascade", "llama"), used("cascade/llama", text_in=0)):
        found = cost(idle)
        assert (found.micros, found.charge_micros, found.unpriced, found.lines) == (0, 0, "", ())


@pytest.mark.parametrize(
    ("usages", "unpriced"),
    [
        (
            (used("cascade/llama", text_in=9, text_out=1),),
            "no price for cascade/llama on 2026-11-21 (text_in, text_out)",
        ),
        ((used("cascade/", spoken_chars=9),), "no price for cascade/ on 2026-11-21 (spoken_chars)"),
        ((used("gemini/gemini-9", audio_in=1),), "no price for gemini/gemini-9 on 2026-11-21 (audio_in)"),
        ((used(GEMINI, session_ms=1),), "no price for gemini/gemini-3.8-live on 2026-11-21 (session_ms)"),
        (
            (ModelUsage("gemini", "gemini-3.8-live", {Meter.AUDIO_IN: 5}, turns=3, silent_turns=2),),
            "2 turns of gemini/gemini-3.8-live came without a count",
        ),
        (
            (ModelUsage("gemini", "gemini-3.8-live", silent_turns=1),),
            "1 turn of gemini/gemini-3.8-live came without a count",
        ),
        (
            (used("openai-compatible/x", audio_in=1), ModelUsage("cascade", "y", {Meter.HEARD_MS: 1}, silent_turns=1)),
            (
                "no price for cascade/y on 2026-11-21 (heard_ms); 1 turn of cascade/y came without a count; "
                "no price for openai-compatible/x on 2026-11-21 (audio_in)"
            ),
        ),
    ],
)
def test_what_has_no_price_makes_the_whole_unknown(usages: tuple[ModelUsage, ...], unpriced: str) -> None:
    found = cost(used(GEMINI, audio_in=1_500), *usages)
    assert (found.micros, found.charge_micros, found.unpriced) == (None, None, unpriced)
    assert any(line.model == "gemini-3.8-live" for line in found.lines)  # what is known still stands in the lines


def test_a_price_is_not_taken_from_a_later_day() -> None:
    found = cost(used(GEMINI, audio_in=1), at=datetime(2026, 9, 1, tzinfo=UTC))
    assert found.unpriced == "no price for gemini/gemini-3.8-live on 2026-09-01 (audio_in)"


def test_without_a_rate_the_dollars_are_known_and_the_rest_is_not() -> None:
    found = cost(used(GEMINI, audio_in=1_500), currency="UGX")
    assert (found.micros, found.charge_micros) == (4_500, None)
    assert found.unpriced == "no exchange rate from USD to UGX on 2026-11-21"
    early = model_cost(
        [used("gemini/m", text_in=1_000)], TODAY - timedelta(days=1), RISING, FALLING, "KES"
    )  # before the first rate
    assert (early.micros, early.charge_micros) == (1_000, None)


def test_nothing_needs_no_rate() -> None:
    none = ExchangeRates("none", ())
    assert model_cost([used(GEMINI)], TODAY, packaged_prices(), none, "UGX").charge_micros == 0


def test_a_negative_count_is_our_bug() -> None:
    with pytest.raises(Misuse):
        cost(used(GEMINI, audio_in=-1))
