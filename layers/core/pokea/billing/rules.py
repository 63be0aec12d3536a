"""What a business wants to be told about money: by which price list it is charged, and how much a day may cost."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_DECK = "sautikit-kes-2026-06-27"


@dataclass(frozen=True, slots=True)
class BillingRules:
    """`deck`: the name of a file in the folder `decks` beside the profile, or a rate deck that ships with the package.

    Caps are micro-units of the deck's currency for one day of the business; None: no cap. `unusual_cap_micros` holds for numbers outside
    the business's own country and for what is no ordinary number there.
    """

    deck: str = DEFAULT_DECK
    daily_cap_micros: int | None = None
    unusual_cap_micros: int | None = None
