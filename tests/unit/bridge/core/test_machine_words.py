"""The words of whoever answered: what is proof of a machine, and what people say too."""

from __future__ import annotations

import pytest

from bridge.core.machine_words import PROOF, Witness, witness_of
from tests.support.greetings import MAILBOXES, OPERATORS, PEOPLE


@pytest.mark.parametrize(
    ("said", "witness"),
    [
        ("Please leave a message after the tone.", Witness.MAILBOX),
        ("Acha ujumbe baada ya mlio", Witness.MAILBOX),
        ("Samahani, mteja wa nambari uliyopiga hapatikani kwa sasa.", Witness.ANNOUNCEMENT),
        ("The subscriber you have dialled is not available", Witness.ANNOUNCEMENT),
        ("The subscriber you have dialled is busy. Leave your message after the beep.", Witness.MAILBOX),
        ("If you record your name and reason for calling", Witness.SCREENING),
        ("He is not available right now", Witness.HINT),
        ("You've reached the clinic, how can I help?", Witness.PERSON),
        ("Hello?", Witness.NOTHING),
        ("", Witness.NOTHING),
    ],
)
def test_who_says_such_a_thing(said: str, witness: Witness) -> None:
    assert witness_of(said) is witness


def test_no_person_of_the_corpus_is_proved_a_machine() -> None:
    assert [text for _, text in PEOPLE if witness_of(text.replace("|", " ")) in PROOF] == []


def test_most_machines_of_the_corpus_say_what_they_are() -> None:
    proved = [witness_of(text.replace("|", " ")) in PROOF for _, text in (*MAILBOXES, *OPERATORS)]
    assert sum(proved) / len(proved) >= 0.7


def test_case_accents_and_punctuation_do_not_count() -> None:
    assert witness_of("PLEASE—leave a message, after the TÓNE!") is Witness.MAILBOX
