from __future__ import annotations

import pytest

from pokea.spoken.days import Relative
from pokea.spoken.said import MIDNIGHT, Clock, Part, Said, Scanner, scan

NIGHT = Part("night", 1080, 1740)
MORNING = Part("morning", 60, 720)


def test_a_twelve_hour_time_has_two_meanings() -> None:
    assert Clock.twelve_hour(2, 30).minutes == {150, 870}
    assert Clock.twelve_hour(12, 0).minutes == {0, 720}


def test_a_part_of_the_day_keeps_what_lies_in_it() -> None:
    assert MORNING.keep(Clock.twelve_hour(9, 0).minutes) == {540}
    assert MORNING.keep(Clock.twelve_hour(12, 0).minutes) == frozenset()
    assert NIGHT.keep(Clock.twelve_hour(9, 0).minutes) == {1260}


def test_after_midnight_both_nights_stay_possible() -> None:
    assert NIGHT.keep(Clock.twelve_hour(2, 0).minutes) == {120, 1560}
    assert MIDNIGHT.minutes == {0, 1440}


def half_a_rule(scanner: Scanner, said: Said) -> bool:
    """Takes a word and notes something, and then finds that it does not know the rest."""
    scanner.take("tomorrow")
    said.days.append(Relative(9))
    return False


def tomorrow(scanner: Scanner, said: Said) -> bool:
    if not scanner.take("tomorrow"):
        return False
    said.days.append(Relative(1))
    return True


def test_a_rule_that_gives_up_leaves_no_trace() -> None:
    said = scan(["on", "tomorrow"], "en", [half_a_rule, tomorrow], frozenset({"on"}))
    assert said == Said(days=[Relative(1)])


@pytest.mark.parametrize("words", [["tomorrow", "perhaps"], ["perhaps"], ["on"], []])
def test_unknown_words_or_no_words_of_time_say_nothing(words: list[str]) -> None:
    assert scan(words, "en", [tomorrow], frozenset({"on"})) is None


def test_a_rule_that_takes_nothing_cannot_go_on_for_ever() -> None:
    assert scan(["tomorrow"], "en", [lambda scanner, said: True], frozenset()) is None


def test_the_cursor_looks_beyond_neither_end() -> None:
    scanner = Scanner(["a", "b"], "en")
    assert (scanner.word(-1), scanner.word(), scanner.word(5)) == ("", "a", "")
    assert not scanner.take("a", "c")
    assert scanner.take_any("b", "a b")
    assert scanner.done
