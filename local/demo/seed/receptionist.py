"""A caller of the front desk. What the receptionist knows stands in the profile's knowledge, so nothing has to be stored."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from local.engine.names import NAMES
from pokea.profile import Profile
from pokea.records import Stored

# What the example's knowledge answers, with words that the answer must hold; and what it does not.
KNOWN = {
    "is there parking": "behind the building",
    "can i pay by card": "by card or by bank transfer",
    "what should i bring": "identity card or passport",
    "how much does it cost": "twelve thousand shillings",
    "do you have wireless internet": "free wireless internet",
}
FOREIGN = ("do you repair bicycles", "do you sell flowers")


@dataclass(frozen=True)
class Seed:
    """`question` is answered with a sentence that holds `answer`; `foreign` is not."""

    name: str
    number: str
    question: str
    answer: str
    foreign: str
    message: str = "please send me the price list"


def fixed(today: date, number: str) -> Seed:
    return Seed(
        name="Grace Wanjiru",
        number=number,
        question="is there parking",
        answer=KNOWN["is there parking"],
        foreign=FOREIGN[0],
    )


def drawn(today: date, number: str, rng: random.Random) -> Seed:
    question = rng.choice(list(KNOWN))
    return Seed(
        name=rng.choice(NAMES), number=number, question=question, answer=KNOWN[question], foreign=rng.choice(FOREIGN)
    )


def records(profile: Profile, seed: Seed, now: datetime) -> tuple[Stored[Any], ...]:
    return ()
