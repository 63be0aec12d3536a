"""A lead as the demo rings it. Nothing has to be stored before the call: what is asked and answered makes the record."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from local.engine.names import NAMES
from pokea.profile import Profile
from pokea.records import Stored


@dataclass(frozen=True)
class Seed:
    """`number`: the lead's. `many` and `few` users, `soon`, `later` and `open_ended` starts: answers that are worth much, something and
    nothing."""

    name: str
    number: str
    many: str = "twelve"
    few: str = "four"
    soon: str = "this month"
    later: str = "in three months"
    open_ended: str = "we are just looking"


def fixed(today: date, number: str) -> Seed:
    return Seed(name="Esther Mutua", number=number)


def drawn(today: date, number: str, rng: random.Random) -> Seed:
    many = rng.choice(("ten", "fifteen", "twenty five", "forty", "sixty"))
    return Seed(name=rng.choice(NAMES), number=number, many=many, few=rng.choice(("three", "five", "eight")))


def records(profile: Profile, seed: Seed, now: datetime) -> tuple[Stored[Any], ...]:
    return ()
