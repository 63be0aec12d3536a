"""What a business wants to be told about money: by which price list it is charged, and how much a day may cost."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_DECK = "sautikit-kes-2026-06-27"


@dataclass(frozen=True, slots=True)
class BillingRules:
    """`deck`: a rate deck that ships with the package, or the name of a file beside the profile. Caps are micro-units of the deck's
    currency for one day of the business; None: no cap. `unusual_cap_micros` holds for numbers outside the business's own country."""

    deck: str = DEFAULT_DECK
    daily_cap_micros: int | None = None
    unusual_cap_micros: int | None = None
