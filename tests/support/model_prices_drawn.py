"""Drawn price tables, exchange rates and usage, as tables and values that both the product and the oracle can read."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pokea.billing.exchange import ExchangeRates, exchange_of
from pokea.billing.model_prices import KEY_OF, PriceList, price_table
from pokea.billing.usage import Meter, ModelUsage

START = datetime(2031, 3, 1, tzinfo=UTC)
MONTH_S = 30 * 86_400
ENGINES = ("gemini", "openai", "cascade")
MODELS = ("a", "a-1", "a-1.5", "ab", "b", "b-mini")
NAMES = (*MODELS, "a*", "a-*", "*")
SPELLED = ("{}", "models/{}", " {} ", "projects/p/locations/l/publishers/google/models/{}")
CURRENCIES = ("KES", "UGX", "USD")


def drawn_amount(draw: random.Random) -> str:
    return f"{draw.randrange(70)}.{draw.randrange(10 ** draw.choice((1, 2, 6))):06d}"


def drawn_spans(draw: random.Random) -> list[dict[str, datetime]]:
    """One to three spans of time that do not overlap, some with gaps between; sometimes all of time."""
    if draw.random() < 0.5:
        return [{}]
    cuts = sorted({START + timedelta(seconds=draw.randrange(MONTH_S)) for _ in range(draw.randint(2, 4))})
    spans: list[dict[str, datetime]] = [{"to": cuts[0]}]
    spans += [{"from": one, "to": other} for one, other in pairwise(cuts)]
    spans.append({"from": cuts[-1]})
    return [span for span in spans if draw.random() < 0.8] or spans[:1]


def drawn_table(draw: random.Random, number: int) -> dict[str, Any]:
    """Each name is in one row at a time, so no two rows clash; the meters of a name may be split over two rows."""
    rows: list[dict[str, Any]] = []
    for name in NAMES:
        if draw.random() < 0.4:
            continue
        meters = list(KEY_OF.values())
        draw.shuffle(meters)
        half = draw.randrange(len(meters) + 1)
        for keys in (meters[:half], meters[half:]):
            for span in drawn_spans(draw):
                prices = {key: drawn_amount(draw) for key in keys if draw.random() < 0.9}
                if prices:
                    rows.append({"models": [name], **prices, **span})
    if not rows:
        rows.append({"models": ["*"], "text_in": "1.00"})
    draw.shuffle(rows)
    return {"id": f"drawn-{number}", "engine": draw.choice(ENGINES), "row": rows}


def drawn_tables(draw: random.Random) -> list[dict[str, Any]]:
    return [drawn_table(draw, number) for number in range(draw.randint(1, 4))]


def drawn_rates(draw: random.Random) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for currency in ("KES", "UGX"):
        ends = START + timedelta(seconds=draw.randrange(MONTH_S))
        first = {"currency": currency, "per_usd": f"{draw.randrange(1, 4000)}.{draw.randrange(10**6):06d}"}
        rows.append({**first, "from": START - timedelta(days=draw.randrange(-3, 3)), "to": ends + timedelta(days=9)})
        rows.append({**first, "per_usd": "131.25", "from": ends + timedelta(days=draw.randrange(9, 12))})
    draw.shuffle(rows)
    return {"id": "drawn", "rate": rows}


def drawn_usage(draw: random.Random) -> dict[str, Any]:
    meters = {
        meter.value: draw.choice((0, 1, draw.randrange(5_000), draw.randrange(5_000_000)))
        for meter in Meter
        if draw.random() < 0.3
    }
    model = draw.choice(SPELLED).format(draw.choice(MODELS))
    silent = int(draw.random() < 0.05)
    return {"engine": draw.choice(ENGINES), "model": model, "meters": meters, "silent_turns": silent}


def drawn_usages(draw: random.Random) -> list[dict[str, Any]]:
    return [drawn_usage(draw) for _ in range(draw.randint(0, 5))]


def drawn_time(draw: random.Random) -> datetime:
    return START + timedelta(seconds=draw.randrange(MONTH_S))


def as_prices(tables: Sequence[Mapping[str, Any]]) -> PriceList:
    return PriceList([price_table(table, f"{table['id']}.toml") for table in tables])


def as_rates(tables: Mapping[str, Any]) -> ExchangeRates:
    return exchange_of(tables, "exchange.toml")


def as_usages(usages: Sequence[Mapping[str, Any]]) -> list[ModelUsage]:
    return [
        ModelUsage(
            usage["engine"],
            usage["model"],
            {Meter(name): count for name, count in usage["meters"].items()},
            turns=1,
            silent_turns=usage["silent_turns"],
        )
        for usage in usages
    ]
