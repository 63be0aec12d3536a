"""How well questions find their answer in the example receptionist's knowledge: the figures that a change must not make worse.

Right: answered with the right words, or asked "is this your question?" with the right one. Invented: answered though nobody wrote an
answer down. The sets that the word lists were not tuned on have bounds of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from pokea.knowledge import Answer, Knowledge
from pokea.lines import PACKAGED
from pokea.profile import load_profile
from tests.unit.pokea import reception_questions as asked

Known = Sequence[tuple[str, str, str]]

ENGLISH = (*asked.TUNED_EN, *asked.SECOND_EN, *asked.FRESH_EN)
SWAHILI = (*asked.TUNED_SW, *asked.SECOND_SW, *asked.FRESH_SW)
KNOWN: Known = (*((q, a, "en") for q, a in ENGLISH), *((q, a, "sw") for q, a in SWAHILI), *asked.JUDGE)
FOREIGN = (*asked.FOREIGN_TUNED, *asked.FOREIGN_SECOND, *asked.FOREIGN_FRESH, *asked.FOREIGN_JUDGE)


@cache
def knowledge() -> Knowledge:
    reception = load_profile(PACKAGED / "kilele.toml").reception
    assert reception is not None
    return reception.knowledge


@cache
def answer_to(question: str, language: str) -> Answer | None:
    return knowledge().find(question, language)


def right(rows: Known) -> list[str]:
    found = {question: (answer_to(question, language), words) for question, words, language in rows}
    return [question for question, (answer, words) in found.items() if answer and words in answer.passage.text]


def test_there_is_enough_to_measure_on() -> None:
    assert len(KNOWN) >= 200
    assert len({language for _, _, language in KNOWN}) == 2
    assert len(FOREIGN) >= 140


def test_nine_of_ten_questions_find_their_answer() -> None:
    assert len(right(KNOWN)) / len(KNOWN) >= 0.95


def test_so_do_questions_that_nothing_was_tuned_on() -> None:
    assert len(right(asked.JUDGE)) / len(asked.JUDGE) >= 0.85


def test_most_of_them_without_asking_back() -> None:
    sure = [q for q, _, language in KNOWN if (answer := answer_to(q, language)) and answer.is_sure]
    assert len(sure) / len(KNOWN) >= 0.8


def test_hardly_ever_is_the_wrong_thing_told() -> None:
    told = [(q, words) for q, words, language in KNOWN if (a := answer_to(q, language)) and a.is_sure]
    fits = frozenset(right(KNOWN))
    wrong = [question for question, _ in told if question not in fits]
    assert len(wrong) / len(KNOWN) <= 0.01, wrong


@pytest.mark.parametrize(("question", "language"), FOREIGN)
def test_nothing_is_invented_for_a_question_about_something_else(question: str, language: str) -> None:
    answer = answer_to(question, language)
    assert answer is None or not answer.is_sure, answer.passage.asked[0]
