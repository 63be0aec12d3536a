"""Which record of the carrier is which of our legs: by name, and what is left by its numbers and times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from pokea.billing.audit_findings import Unknown
from pokea.billing.call_leg import ANSWERED, IN_PROGRESS, UNANSWERED, BilledLeg, CallLeg, Direction, started_seconds
from pokea.clock import as_utc

AGREEMENT = timedelta(seconds=1)  # talk times that differ by no more are the same
_Key = tuple[str, str]
_Marks = tuple[Direction, str, str]


class Matching:
    """Which record of the carrier is which of our legs."""

    def __init__(self, ours: Sequence[CallLeg], carriers: Sequence[BilledLeg]) -> None:
        self.pairs: list[tuple[CallLeg, BilledLeg, bool]] = []  # the last: a transfer booked under another name
        self.only_ours: list[CallLeg] = []
        self.only_carriers: list[BilledLeg] = []
        self.twice: list[tuple[CallLeg, BilledLeg]] = []
        self.unknowns: list[Unknown] = []
        left = self._by_name(ours, carriers)
        self._by_marks(left)

    def _by_name(self, ours: Sequence[CallLeg], carriers: Sequence[BilledLeg]) -> list[BilledLeg]:
        """Pairs what has the same call id and leg; returns what of the carrier's is left."""
        named: dict[_Key, list[BilledLeg]] = defaultdict(list)
        for billed in carriers:
            named[billed.key].append(billed)
        seen: set[_Key] = set()
        for own in ours:
            if own.key in seen:
                self.unknowns.append(
                    Unknown(own.call_id, own.leg, "our own file has this leg twice; the first one counts")
                )
                continue
            seen.add(own.key)
            found = named.get(own.key)
            if not found:
                self.only_ours.append(own)
                continue
            best, *others = _closest_first(own, found)
            self.pairs.append((own, best, False))
            self.twice += [(own, billed) for billed in others]
        return [billed for key, group in named.items() if key not in seen for billed in group]

    def _by_marks(self, left: Sequence[BilledLeg]) -> None:
        """What is left may be booked under another name: the same numbers at the same time are the same leg."""
        if not left:
            return
        unmatched: dict[_Marks, list[CallLeg]] = defaultdict(list)
        for own in self.only_ours:
            unmatched[_marks(own)].append(own)
        booked: dict[_Marks, list[tuple[CallLeg, BilledLeg]]] = defaultdict(list)
        for own, billed, _ in self.pairs:
            booked[_marks(billed.leg)].append((own, billed))
        taken: set[_Key] = set()
        for billed in left:
            marks = _marks(billed.leg)
            found = next(
                (own for own in unmatched.get(marks, ()) if own.key not in taken and _is_same(own, billed.leg)), None
            )
            if found is not None:
                taken.add(found.key)
                is_moved = found.direction is Direction.TRANSFER and found.call_id != billed.leg.call_id
                self.pairs.append((found, billed, is_moved))
                booked[marks].append((found, billed))
                continue
            first = next((own for own, other in booked.get(marks, ()) if _is_same(other.leg, billed.leg)), None)
            if first is not None:
                self.twice.append((first, billed))
            else:
                self.only_carriers.append(billed)
        self.only_ours = [own for own in self.only_ours if own.key not in taken]


def _marks(leg: CallLeg) -> _Marks:
    return leg.direction, leg.a_number, leg.b_number


def _is_same(one: CallLeg, other: CallLeg) -> bool:
    """Answered, or not answered, and ended within a second of each other."""
    if one.ended_at is None or other.ended_at is None or abs(one.ended_at - other.ended_at) > AGREEMENT:
        return False
    if one.answered_at is None or other.answered_at is None:
        return one.is_unanswered and other.is_unanswered
    return abs(one.answered_at - other.answered_at) <= AGREEMENT


def _closest_first(own: CallLeg, found: list[BilledLeg]) -> list[BilledLeg]:
    return sorted(found, key=lambda billed: _distance(own, billed))


def _distance(own: CallLeg, billed: BilledLeg) -> tuple[bool, float, int]:
    """How far a record is from being the one of `own`: final ones first, then by talk time, then by cost."""
    is_open = billed.leg.ended_at is None and billed.leg.status in IN_PROGRESS
    ours_s, theirs_s = talk_s_of(own) or 0, billed_s(billed)
    return is_open, float("inf") if theirs_s is None else abs(ours_s - theirs_s), billed.cost_minor or 0


def billed_s(billed: BilledLeg) -> int | None:
    """The carrier's talk time in seconds; None where it does not say."""
    if billed.duration_s is not None:
        return billed.duration_s
    if billed.leg.answered_at is None and billed.leg.status in UNANSWERED:
        return 0
    return talk_s_of(billed.leg)


def talk_of(leg: CallLeg) -> timedelta | None:
    if leg.answered_at is None or leg.ended_at is None or leg.status not in ANSWERED:
        return None
    talk = as_utc(leg.ended_at) - as_utc(leg.answered_at)
    return None if talk < timedelta(0) else talk


def talk_s_of(leg: CallLeg) -> int | None:
    """Our talk time in begun seconds; 0 where it is known that nobody answered, None where nothing is known."""
    if leg.is_unanswered:
        return 0
    talk = talk_of(leg)
    return None if talk is None else started_seconds(talk)
