"""The checker itself: each kind of breach is seen, and what is right passes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.slot_checker import check

NINE, TEN = "09:00", "10:00"


def op(number: int, kind: str, end: str | None, name: str = "a1", slot: str | None = NINE) -> list[dict[str, Any]]:
    began: dict[str, Any] = {"type": "invoke", "id": number, "op": kind, "appointment": name}
    if kind == "book":
        began["intent"] = f"wish for {name}"
    if kind != "cancel":
        began["slots"] = [slot]
    return [began, *([{"type": end, "id": number}] if end else [])]


def final(*booked: tuple[str, str], cancelled: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    def one(state: str, name: str, slot: str) -> dict[str, Any]:
        return {"state": state, "intent": f"wish for {name}", "slots": [slot]}

    slots: dict[str, list[str]] = {}
    for name, slot in booked:
        slots.setdefault(slot, []).append(name)
    appointments = {name: one("booked", name, slot) for name, slot in booked}
    return {
        "slots": slots,
        "appointments": appointments | {name: one("cancelled", name, slot) for name, slot in cancelled},
    }


BOOKED = op(1, "book", "ok")


@pytest.mark.parametrize(
    ("history", "end"),
    [
        ([], final()),
        (BOOKED, final(("a1", NINE))),
        (op(1, "book", "fail"), final()),
        (op(1, "book", None), final()),  # died: it may have happened or not
        (op(1, "book", None), final(("a1", NINE))),
        (op(1, "book", "info"), final(("a1", NINE))),
        (BOOKED + op(2, "move", "ok", slot=TEN), final(("a1", TEN))),
        (BOOKED + op(2, "move", "info", slot=TEN), final(("a1", NINE))),
        (BOOKED + op(2, "move", "info", slot=TEN), final(("a1", TEN))),
        (BOOKED + op(2, "move", "ok", slot=TEN) + op(3, "book", "ok"), final(("a1", TEN))),  # the same wish repeated
        (BOOKED + op(2, "cancel", "ok"), final(cancelled=(("a1", NINE),))),
        (BOOKED + op(2, "cancel", None), final(("a1", NINE))),
    ],
)
def test_what_may_have_happened_passes(history: list[dict[str, Any]], end: dict[str, Any]) -> None:
    assert check(history, end, capacity=1) == []


@pytest.mark.parametrize(
    ("breach", "history", "end"),
    [
        ("oversold", BOOKED + op(2, "book", "ok", "a2"), final(("a1", NINE), ("a2", NINE))),
        ("lost", BOOKED, final()),
        ("lost", BOOKED, final(cancelled=(("a1", NINE),))),
        ("lost", BOOKED + op(2, "cancel", "fail"), final(cancelled=(("a1", NINE),))),
        ("phantom", op(1, "book", "fail"), final(("a1", NINE))),
        ("phantom", [], final(("a1", NINE))),
        ("undead", BOOKED + op(2, "cancel", "ok"), final(("a1", NINE))),
        ("misplaced", BOOKED + op(2, "move", "ok", slot=TEN), final(("a1", NINE))),
        ("misplaced", BOOKED + op(2, "move", "fail", slot=TEN), final(("a1", TEN))),
        ("torn", BOOKED, {**final(("a1", NINE)), "slots": {}}),
        ("torn", op(1, "book", None), {**final(), "slots": {NINE: ["a1"]}}),
    ],
)
def test_what_cannot_have_happened_is_seen(breach: str, history: list[dict[str, Any]], end: dict[str, Any]) -> None:
    assert breach in {found.partition(":")[0] for found in check(history, end, capacity=1)}


def test_one_wish_with_two_appointments_is_seen() -> None:
    end = final(("a1", NINE), ("a2", TEN))
    end["appointments"]["a2"]["intent"] = "wish for a1"
    history = BOOKED + op(2, "book", "ok", "a2", TEN)
    assert any(found.startswith("doubled") for found in check(history, end, capacity=1))
