from __future__ import annotations

import pytest
from pocketsphinx import Decoder

from local.engine.expectation import Expectation
from local.engine.grammar import edges
from local.engine.lexicon import MODEL, is_english, pronunciations, spelled
from local.engine.openings import OPENINGS


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("saa", "S AA"),
        ("nne", "N EH"),
        ("kung'arisha", "K UW NG AA R IY SH AA"),
        ("ng'ombe", "NG AO M B EH"),
        ("ngapi", "NG G AA P IY"),
        ("nyumba", "N Y UW M B AA"),
        ("alhamisi", "AA L HH AA M IY S IY"),
        ("mchana", "M CH AA N AA"),
    ],
)
def test_swahili_is_spoken_as_it_is_spelled(word: str, phones: str) -> None:
    assert spelled(word)[0] == phones


def test_the_weak_forms_of_english_are_known() -> None:
    assert "AH B UH K" in pronunciations("a book", "en")
    assert len(pronunciations("i would like to book a", "en")) <= 6


def test_a_name_that_no_dictionary_has_is_spelled_also_in_english() -> None:
    assert pronunciations("wanjiru", "en") == ["W AA N JH IY R UW"]
    assert "AH M IY N AH" in pronunciations("amina", "en")


def test_a_phrase_is_english_if_every_word_is() -> None:
    assert is_english("scale and polish")
    assert not is_english("kusafisha meno")


@pytest.mark.parametrize("language", ["en", "sw"])
def test_every_phrase_of_every_grammar_can_be_pronounced_by_the_model(language: str) -> None:
    """An unknown phone would only show when the first caller speaks."""
    decoder = Decoder(hmm=str(MODEL / "en-us"), dict=None, lm=None, loglevel="FATAL")
    added: dict[str, str] = {}
    for expectation in Expectation:
        for edge in (
            *edges(expectation, language, ["cleaning"]),
            *edges(expectation, language, [], [one.tool for one in OPENINGS], ["office"]),
        ):
            for index, phones in enumerate(pronunciations(edge.phrase, language) if edge.phrase else []):
                added.setdefault(f"{edge.phrase}-{index}", phones)
    for word, phones in added.items():
        decoder.add_word(word, phones, False)
