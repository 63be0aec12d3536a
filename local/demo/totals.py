"""The end of a demo on the terminal: what the calls cost by agent, and our total against the carrier's books."""

from __future__ import annotations

from collections.abc import Sequence

from local.demo.bills import MINOR_MICROS, Account
from pokea.billing.rate_deck import amount
from pokea.money import divided

_COLUMNS = "{:<12} {:>5} {:>5} {:>8} {:>12} {:>12} {:>12}  {}"


def lines(accounts: Sequence[tuple[str, Account]], currency: str) -> list[str]:
    """`accounts`: of every call, by its agent."""
    head = _COLUMNS.format(
        "agent", "calls", "legs", "talk", f"carrier {currency}", f"model {currency}", f"total {currency}", "bills"
    )
    agents = dict.fromkeys(agent for agent, _ in accounts)
    rows = [_row(agent, [one for name, one in accounts if name == agent]) for agent in agents]
    everything = [one for _, one in accounts]
    return ["", head, *rows, _row("all", everything), "", reconciled(everything, currency)]


def reconciled(accounts: Sequence[Account], currency: str) -> str:
    """One line: our total, each leg in whole cents as a bill shows it, against what the carrier took from the wallet for these calls."""
    ours, books = sum(one.ours_minor for one in accounts), sum(one.books_minor for one in accounts)
    return (
        f"reconciled: {sum(one.legs for one in accounts)} legs, our total {currency} {_cents(ours)}, "
        f"the carrier's books {currency} {_cents(books)}, difference {_cents(ours - books)}, "
        f"differences found: {sum(one.differences for one in accounts)}"
    )


def _row(name: str, accounts: Sequence[Account]) -> str:
    carrier, model = [one.carrier_micros for one in accounts], [one.model_micros for one in accounts]
    states = {one.bill.state for one in accounts}
    return _COLUMNS.format(
        name,
        len(accounts),
        sum(one.legs for one in accounts),
        _clock(sum(one.talk_s for one in accounts)),
        _money(carrier),
        _money(model),
        _money([*carrier, *model]),
        ", ".join(sorted(states)),
    )


def _money(parts: Sequence[int | None]) -> str:
    """Two decimals; what is unknown is said, and never counted as nothing."""
    unknown = sum(part is None for part in parts)
    known = _cents(divided(sum(part or 0 for part in parts), MINOR_MICROS))
    if unknown == len(parts):
        return "unknown"
    return f">{known}" if unknown else known


def _cents(minor: int) -> str:
    return amount(minor * MINOR_MICROS)


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
