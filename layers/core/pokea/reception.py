"""What a receptionist knows and may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pokea.hours import Opening, OpeningHours
from pokea.knowledge import Knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptionRules:
    """The part of a business's profile that this area obeys. `directions` by language."""

    knowledge: Knowledge = field(default_factory=Knowledge)
    directions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SameDays:
    """Weekdays in a row (0 = Monday) with the same openings; none: closed."""

    first: int
    last: int
    openings: tuple[Opening, ...]


def usual_week(hours: OpeningHours) -> Sequence[SameDays]:
    """The week without its exceptions, as few stretches as tell all of it."""
    days = [(day, hours.week.get(day, ())) for day in range(7)]
    stretches = [(openings, [day for day, _ in group]) for openings, group in groupby(days, key=lambda pair: pair[1])]
    return [SameDays(found[0], found[-1], openings) for openings, found in stretches]
