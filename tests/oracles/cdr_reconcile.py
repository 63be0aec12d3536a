"""Judges detail records against the carrier's own, from plain rows. Knows nothing of how either was made.

    L1  every leg that the carrier says existed has exactly one detail record, and none exists without one
    L2  talk time is the carrier's answer to end within a second, and never negative
    L3  the sum of the rated lines is the invoice, to the micro-unit

A row is a dict of texts or values; "" and None mean that nothing is known, and columns that are not named here are ignored. So the
carrier's JSON goes in as it is, and so does a CSV file that somebody exported (`rows_of`). Times are RFC 3339 (or aware datetimes).

    carrier   id, session_id, direction (inbound|outbound), remote_e164, answered_at, ended_at, duration_seconds, status, cost_minor
    cdrs      session_id, leg, call_id, direction (inbound|outbound|transfer|stream), carrier_id, answered_at, ended_at, talk_s, status,
              state (provisional|final|unreconciled), charge_micros, carrier_minor; only the version that stands, of each leg
    wallet    kind (call|dial|stream|…), amount_minor (a charge is negative)
    lines     micros: of one rated line

`check` returns a sentence for each breach; the empty list is what one wants to see. What a test has done on purpose is named to it:
`lost`: sessions or record ids whose record the carrier lost or never closed; `unseen`: sessions of which we were told nothing.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
UNANSWERED = ("blocked", "busy", "canceled", "failed", "no_answer")
STREAM, TRANSFER = "stream", "transfer"


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def check(
    carrier: Iterable[Row],
    cdrs: Iterable[Row],
    *,
    lost: Collection[str] = (),
    unseen: Collection[str] = (),
    tolerance_s: float = 1.0,
) -> list[str]:
    """Every breach of L1 and L2, and every transfer that is the leg of no call."""
    ours, theirs = list(cdrs), list(carrier)
    breaches = [*_once(ours), *_missing(theirs, ours, unseen), *_without_leg(theirs, ours, lost)]
    records = {str(row["id"]): row for row in theirs}
    for row in ours:
        record = records.get(_text(row, "carrier_id"))
        breaches += _talk(row, record, tolerance_s)
    return [*breaches, *_unpaired(ours)]


def check_invoice(lines: Iterable[Row], total_micros: int) -> list[str]:
    """L3. `total_micros`: what the invoice asks for."""
    found = sum(_whole(row, "micros") or 0 for row in lines)
    return [] if found == total_micros else [f"L3: the lines sum to {found}, the invoice to {total_micros}"]


def check_ledger(carrier: Iterable[Row], cdrs: Iterable[Row], wallet: Iterable[Row]) -> list[str]:
    """Whether each record's cost stands in its detail record, and the wallet paid the sum of them (streams apart: they have no record)."""
    noted: dict[str, int | None] = {_text(row, "carrier_id"): _whole(row, "carrier_minor") for row in cdrs}
    breaches, due = [], 0
    for record in carrier:
        cost = _whole(record, "cost_minor") or 0
        due += cost
        name = str(record["id"])
        if name in noted and (noted[name] or 0) != cost:
            breaches.append(f"ledger: record {name} costs {cost}, its detail record says {noted[name]}")
    paid = -sum(
        _whole(row, "amount_minor") or 0
        for row in wallet
        if _text(row, "kind") in ("call", "dial", "correction", "refund")
    )
    if paid != due:
        breaches.append(f"ledger: the records cost {due}, the wallet paid {paid}")
    return breaches


def assert_reconciled(carrier: Iterable[Row], cdrs: Iterable[Row], **options: Any) -> None:
    breaches = check(carrier, cdrs, **options)
    assert not breaches, f"{len(breaches)} breaches, the first ones: " + " | ".join(breaches[:5])


# --- L1 ---------------------------------------------------------------------------------------------------------------------


def _once(ours: Sequence[Row]) -> Iterable[str]:
    legs: dict[tuple[str, str], int] = defaultdict(int)
    records: dict[str, list[str]] = defaultdict(list)
    for row in ours:
        legs[_text(row, "session_id"), _text(row, "leg")] += 1
        if _text(row, "carrier_id"):
            records[_text(row, "carrier_id")].append(_text(row, "leg"))
    for (session, leg), count in legs.items():
        if count > 1:
            yield f"L1: leg {leg} of {session} has {count} detail records"
    for record, names in records.items():
        if len(names) > 1:
            yield f"L1: the carrier's record {record} became {len(names)} legs ({', '.join(names)})"


def _missing(theirs: Sequence[Row], ours: Sequence[Row], unseen: Collection[str]) -> Iterable[str]:
    """Records that became no detail record. Twins, records of the very same leg, are one leg."""
    taken = {_text(row, "carrier_id") for row in ours}
    for leg in _legs(theirs):
        found = [row for row in leg if str(row["id"]) in taken]
        session = _text(leg[0], "session_id")
        if not found and session not in unseen:
            yield f"L1: the carrier's record {leg[0]['id']} of {session} has no detail record"
        if len(found) > 1:
            yield f"L1: one leg of {session} has {len(found)} detail records, from the carrier's twin records"


def _without_leg(theirs: Sequence[Row], ours: Sequence[Row], lost: Collection[str]) -> Iterable[str]:
    known = {str(row["id"]) for row in theirs}
    persons = {_text(row, "session_id") for row in ours if _text(row, "direction") != STREAM}
    for row in ours:
        session, leg, record = (_text(row, name) for name in ("session_id", "leg", "carrier_id"))
        if _text(row, "direction") == STREAM:
            if session not in persons:
                yield f"L1: the stream of {session} belongs to no call"
        elif record not in known and session not in lost and record not in lost:
            yield f"L1: leg {leg} of {session} is no leg of the carrier's ({record or 'no record'})"


def _legs(records: Sequence[Row]) -> list[list[Row]]:
    """Records by leg: the same session, direction and number, and times within a second."""
    legs: dict[tuple[str, ...], list[list[Row]]] = defaultdict(list)
    for row in records:
        groups = legs[tuple(_text(row, name) for name in ("session_id", "direction", "remote_e164"))]
        twin = next((group for group in groups if _is_same(group[0], row)), None)
        if twin is None:
            groups.append([row])
        else:
            twin.append(row)
    return [group for groups in legs.values() for group in groups]


def _is_same(one: Row, other: Row) -> bool:
    for name in ("answered_at", "ended_at"):
        a, b = _time(one, name), _time(other, name)
        if (a is None) != (b is None) or (a is not None and b is not None and abs((a - b).total_seconds()) > 1):
            return False
    return True


# --- L2 ---------------------------------------------------------------------------------------------------------------------


def _talk(row: Row, record: Row | None, tolerance_s: float) -> Iterable[str]:
    name = f"leg {_text(row, 'leg')} of {_text(row, 'session_id')}"
    talk_s, own = _whole(row, "talk_s"), _between(row)
    if talk_s is not None and talk_s < 0:
        yield f"L2: {name} talked for {talk_s} s"
    if own is not None and own < 0:
        yield f"L2: {name} ends before its answer"
    if own is not None and talk_s is not None and abs(own - talk_s) > 1:
        yield f"L2: {name} says {talk_s} s, and its times {own:.0f} s"
    if record is None or _text(row, "state") == "provisional":
        return
    theirs = _between(record)
    if theirs is not None and theirs >= 0:
        if talk_s is None or abs(talk_s - ceil(theirs)) > tolerance_s:
            yield f"L2: {name} talked for {talk_s} s, by the carrier's answer and end for {theirs:.0f} s"
    elif _text(record, "status") in UNANSWERED and (talk_s or 0) > 0:
        yield f"L2: {name} talked for {talk_s} s, and the carrier says {_text(record, 'status')}"
    if _text(record, "status") in UNANSWERED and theirs is None and (_whole(row, "charge_micros") or 0) > 0:
        yield f"L3: {name} is charged, and nobody answered"


def _between(row: Row) -> float | None:
    answered, ended = _time(row, "answered_at"), _time(row, "ended_at")
    return None if answered is None or ended is None else (ended - answered).total_seconds()


# --- transfers --------------------------------------------------------------------------------------------------------------


def _unpaired(ours: Sequence[Row]) -> Iterable[str]:
    calls = {_text(row, "session_id") for row in ours if _text(row, "direction") in ("inbound", "outbound")}
    for row in ours:
        if _text(row, "direction") == TRANSFER and _text(row, "call_id") not in calls:
            session, call = _text(row, "session_id"), _text(row, "call_id")
            yield f"transfer: leg {_text(row, 'leg')} of {session} belongs to call {call}, which has no caller's leg"


# --- values -----------------------------------------------------------------------------------------------------------------


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _whole(row: Row, name: str) -> int | None:
    text = _text(row, name)
    return int(text) if text else None


def _time(row: Row, name: str) -> datetime | None:
    value = row.get(name)
    if isinstance(value, datetime):
        return value
    text = _text(row, name)
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
