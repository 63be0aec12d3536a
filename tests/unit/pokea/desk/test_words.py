from __future__ import annotations

import string

import pytest

from pokea.errors import Misuse
from pokea.profile import LANGUAGES
from pokea.words import WORDS, say


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_the_same_words_with_the_same_fields() -> None:
    assert set(WORDS) == set(LANGUAGES)
    english = {key: fields_of(text) for key, text in WORDS["en"].items()}
    for language in WORDS:
        assert {key: fields_of(text) for key, text in WORDS[language].items()} == english


def test_no_words_are_left_untranslated() -> None:
    assert not {key for key, text in WORDS["sw"].items() if text == WORDS["en"][key]}


def test_values_are_never_read_as_templates() -> None:
    assert "{business}" in say("en", "goodbye", business="{business}")


def test_missing_words_and_fields_are_our_bug() -> None:
    with pytest.raises(Misuse, match="no words for 'nothing'"):
        say("en", "nothing")
    with pytest.raises(Misuse, match="business"):
        say("en", "goodbye")
    with pytest.raises(Misuse):
        say("fr", "goodbye", business="x")


def test_swahili_keeps_to_one_word_for_one_thing() -> None:
    for other in ("nambari", "kingine", "namba unayopigia", "nasoma tena"):
        assert not {key for key, text in WORDS["sw"].items() if other in text.casefold()}, other


def test_words_around_a_hand_off_fit_an_office_and_several_people() -> None:
    around = " ".join(text for key, text in WORDS["sw"].items() if key.startswith("handoff_"))
    assert not {form for form in ("kumpata", "hapatikani", "hawezi", "yuko", "akupigie", "kuwapata") if form in around}
