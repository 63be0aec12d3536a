"""F5.7: a machine, a fax and silence are told from a person by their sound, and no person is taken for a machine."""

from __future__ import annotations

from functools import lru_cache, partial

import pytest

from bench.answering import HELLO_MS, MIN_MACHINES, MIN_PEOPLE, judged
from bridge.core.machine import Answerer
from tests.faults.broken import answering as broken
from tests.support.answered_lines import HZ, Answered, corpus, person
from tests.support.answers_heard import Figures, listen, percentiles
from tests.support.greetings import MAILBOXES, OPERATORS, PEOPLE

SEED = 5_11
LONG_WINDED = (19, 35)  # receptionists


@lru_cache(maxsize=1)
def few() -> tuple[Answered, ...]:
    return (*corpus((SEED,), every=20), *(person(index, SEED) for index in LONG_WINDED))


@lru_cache(maxsize=1)
def everything() -> tuple[Answered, ...]:
    return tuple(corpus((SEED, SEED + 1)))


def test_a_few_of_each_kind_are_told_apart() -> None:
    figures = Figures.of(few(), listen)
    assert [(one.call.name, one.first) for one in figures.wrong if one.call.is_ is not Answerer.MACHINE] == []
    assert figures.right(Answerer.MACHINE) >= 0.85, figures.wrong  # of some 11: the figure is measured below
    assert figures.greeted_faxes == 0
    assert max(figures.person_took_ms(ordinary=True)) <= HELLO_MS


def test_loudness_alone_takes_long_sentences_for_machines_and_faxes_for_people() -> None:
    figures = Figures.of(few(), partial(listen, detector=broken.ByLoudness))
    assert figures.right(Answerer.PERSON) < MIN_PEOPLE
    assert figures.right(Answerer.MACHINE) < MIN_MACHINES
    assert figures.right(Answerer.FAX) < 0.5


def test_without_tones_a_fax_is_no_fax() -> None:
    faxes = [call for call in few() if call.is_ is Answerer.FAX]
    with broken.deaf_to_tones():
        assert Figures.of(faxes, listen).right(Answerer.FAX) == 0


def test_at_least_sixty_texts_of_each_kind() -> None:
    assert len(PEOPLE) >= 60
    assert len(MAILBOXES) + len(OPERATORS) >= 60


@pytest.mark.faults
@pytest.mark.parametrize(("rate_hz", "frames"), [(HZ, 1), (2 * HZ, 5)])
def test_every_text_within_the_bounds(rate_hz: int, frames: int) -> None:
    figures = Figures.of(everything(), partial(listen, rate_hz=rate_hz, frames=frames))
    assert judged(figures) == [], [(one.call.name, one.first) for one in figures.wrong]
    _, off = figures.beeps()
    assert all(-100 <= off_ms <= 100 for off_ms in percentiles(off, 5, 50, 95))


@pytest.mark.faults
def test_words_cost_no_person_and_find_machines_sooner() -> None:
    by_sound, by_both = (Figures.of(everything(), partial(listen, words=words)) for words in (False, True))
    assert by_both.right(Answerer.PERSON) >= MIN_PEOPLE
    assert sum(by_both.matrix(last=True)[Answerer.MACHINE, kind] for kind in (Answerer.PERSON,)) <= sum(
        by_sound.matrix(last=True)[Answerer.MACHINE, kind] for kind in (Answerer.PERSON,)
    )
    assert percentiles(by_both.machine_took_ms(), 50) < percentiles(by_sound.machine_took_ms(), 50)


@pytest.mark.faults
def test_every_broken_detector_misses_a_bound() -> None:
    for detector in (broken.ByLoudness, broken.hasty, broken.impatient):
        assert judged(Figures.of(everything(), partial(listen, detector=detector))), detector
    with broken.deaf_to_tones():
        assert Figures.of(everything(), listen).right(Answerer.FAX) < 0.5


@pytest.mark.faults
def test_a_pause_judged_by_the_line_is_never_found_beside_a_television() -> None:
    calls = [
        call
        for index in range(0, len(PEOPLE), 2)
        for seed in range(4)
        if (call := person(index, seed)).behind == "television"
    ]
    assert len(calls) >= 10
    ours = Figures.of(calls, listen)
    with broken.judging_by_the_line():
        theirs = Figures.of(calls, listen)
    assert ours.right(Answerer.PERSON) >= 0.95
    assert theirs.right(Answerer.PERSON) < 0.7
