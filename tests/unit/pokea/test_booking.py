from __future__ import annotations

from datetime import timedelta

import pytest

from pokea.booking import Slot, Taker, has_room, is_on_grid, live_takers, slot_keys, with_taker, without_takers
from pokea.errors import Misuse
from tests.unit.pokea.booking_samples import NOW, nairobi, rules, soon

KEY = slot_keys(rules(), nairobi(9), nairobi(9, 15))[0]


@pytest.mark.parametrize(("minutes", "slots"), [(15, 1), (30, 2), (40, 3), (45, 3), (60, 4)])
def test_a_service_takes_whole_slots(minutes: int, slots: int) -> None:
    keys = slot_keys(rules(), nairobi(9), nairobi(9) + timedelta(minutes=minutes))
    assert [key.starts_at for key in keys] == [nairobi(9) + timedelta(minutes=15 * n) for n in range(slots)]


def test_slots_begin_on_the_quarter_hour() -> None:
    assert is_on_grid(nairobi(9, 45))
    assert not is_on_grid(nairobi(9, 50))
    with pytest.raises(Misuse, match="quarter hour"):
        slot_keys(rules(), nairobi(9, 50), nairobi(10, 20))


def test_a_hold_lapses_by_itself() -> None:
    slot = Slot(KEY, {"n1": Taker(soon(90)), "A1": Taker()})
    assert live_takers(slot, soon(89)) == {"n1", "A1"}
    assert live_takers(slot, soon(90)) == {"A1"}


def test_own_takers_do_not_stand_in_ones_own_way() -> None:
    slot = Slot(KEY, {"n1": Taker(soon(90))})
    assert not has_room([slot], 1, NOW)
    assert has_room([slot], 1, NOW, frozenset({"n1"}))
    assert has_room([slot], 2, NOW)


def test_lapsed_holds_are_dropped_when_a_slot_is_written() -> None:
    slot = Slot(KEY, {"old": Taker(soon(-1)), "A1": Taker()}, version=3)
    assert with_taker(slot, "n2", Taker(soon(90)), NOW) == Slot(KEY, {"A1": Taker(), "n2": Taker(soon(90))}, version=3)
    assert without_takers(slot, frozenset({"A1"}), NOW) == Slot(KEY, {}, version=3)
