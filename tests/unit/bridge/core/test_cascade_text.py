"""From a model's text to what a voice is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cascade_text import SentenceSplitter, ThinkFilter, spoken, understood


def split(text: str, piece: int = 1_000_000) -> list[str]:
    splitter = SentenceSplitter()
    pieces = [sentence for at in range(0, len(text), piece) for sentence in splitter.feed(text[at : at + piece])]
    return [*pieces, *splitter.flush()]


def sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you?", ["Hello.", "How are you?"]),
        ("Dr. Otieno is free at 2.30 p.m. on Friday. Shall I book it?", ["Dr. Otieno is free at 2.30 p.m. on Friday.", "Shall I book it?"]),
        ("We open at 9 a.m. Would you like to come then?", ["We open at 9 a.m.", "Would you like to come then?"]),
        ("It costs KES 2,500.50 at most. Is that all right?", ["It costs KES 2,500.50 at most.", "Is that all right?"]),
        ("It costs 500 Ksh. Is that all right?", ["It costs 500 Ksh.", "Is that all right?"]),
        ("It costs Ksh. 500 in all. Fine?", ["It costs Ksh. 500 in all.", "Fine?"]),
        ("No. We are closed.", ["No.", "We are closed."]),
        ("Your ticket is no. 14 today. Thank you!", ["Your ticket is no. 14 today.", "Thank you!"]),
        ("Ask for Mr. J. Kamau. He is in.", ["Ask for Mr. J. Kamau.", "He is in."]),
        ("1. Cleaning\n2. Filling\n", ["1. Cleaning", "2. Filling"]),
        ('He said "yes." Then he left.', ['He said "yes."', "Then he left."]),
        ("Well... perhaps. Really?! Yes", ["Well... perhaps.", "Really?!", "Yes"]),
        ("Habari. Ungependa kuja saa 2.30 asubuhi? Sawa.", ["Habari.", "Ungependa kuja saa 2.30 asubuhi?", "Sawa."]),
        ("Bw. Otieno atakuja kesho. Bi. Wanjiku pia.", ["Bw. Otieno atakuja kesho.", "Bi. Wanjiku pia."]),
        ("Tuna huduma za meno, macho, n.k. kila siku. Karibu.", ["Tuna huduma za meno, macho, n.k. kila siku.", "Karibu."]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_sentences_end_where_a_speaker_would_pause(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_first_sentence_begins_to_be_spoken_after_its_first_clause() -> None:
    text = "I have looked at the whole of next week for you, and there is a free time on Thursday at two in the afternoon. Good?"
    assert sentences(text) == [
        "I have looked at the whole of next week for you,",
        "and there is a free time on Thursday at two in the afternoon.",
        "Good?",
    ]


def test_a_later_sentence_is_not_cut_at_its_clauses() -> None:
    text = "Yes. I have looked at the whole of next week for you, and there is a free time on Thursday at two."
    assert sentences(text)[1:] == [text.removeprefix("Yes. ")]


def test_a_sentence_without_an_end_is_cut_after_a_word_within_bounds() -> None:
    pieces = split("word " * 200)
    assert all(len(piece) <= 280 for piece in pieces)
    assert all(piece.strip().split()[-1] == "word" for piece in pieces)


def test_a_sentence_is_there_as_soon_as_the_next_word_begins() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Good morning.") == []
    assert splitter.feed(" How") == ["Good morning. "]


_PROSE = st.text(alphabet=st.sampled_from("ab AB.,!?:;\n\"'…12 "), max_size=400)


@given(_PROSE | st.text(max_size=300), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_the_sentences_joined_are_the_text_however_it_came(text: str, sizes: list[int]) -> None:
    splitter, pieces, at, turn = SentenceSplitter(), [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces += splitter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert "".join([*pieces, *splitter.flush()]) == text


@given(_PROSE, st.integers(1, 30))
def test_where_sentences_end_does_not_depend_on_how_the_text_came(text: str, piece: int) -> None:
    assert split(text, piece) == split(text)


_TAGS = st.lists(st.sampled_from(["<think>", "</think>", "<thinking>", "a < b ", "no", " ", "<", "th"]), max_size=20)


@given(_TAGS, st.integers(1, 9))
def test_reasoning_is_taken_out_however_the_text_came(parts: list[str], piece: int) -> None:
    text = "".join(parts)

    def shown(size: int) -> str:
        thinking = ThinkFilter()
        return "".join(thinking.feed(text[at : at + size]) for at in range(0, len(text), size)) + thinking.flush()

    assert shown(piece) == shown(max(1, len(text)))
    assert "<think>" not in shown(piece)


def test_what_stands_between_think_tags_is_not_spoken() -> None:
    thinking = ThinkFilter()
    shown = "".join(map(thinking.feed, ["<th", "ink>They want ", "a time.</thi", "nk>\n\nAt two, 1 < 2."]))
    assert shown + thinking.flush() == "\n\nAt two, 1 < 2."


def test_a_text_that_ends_in_reasoning_says_nothing_more() -> None:
    thinking = ThinkFilter()
    assert thinking.feed("Yes. <think>or no") + thinking.flush() == "Yes. "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Thursday** at `two`", "Thursday at two"),
        ("- a [cleaning](https://x)", "a cleaning"),
        ("…", ""),
        ("#", ""),
        ("A well-known clinic", "A well-known clinic"),
    ],
)
def test_a_voice_is_given_no_marks(text: str, expected: str) -> None:
    assert spoken(text) == expected


@pytest.mark.parametrize("text", ["", " ", "[BLANK_AUDIO]", "(music)", "...", "♪ la la ♪", "<|nospeech|>"])
def test_what_recognisers_write_of_noise_is_no_speech(text: str) -> None:
    assert understood(text) == ""


def test_words_beside_a_noise_are_kept() -> None:
    assert understood(" Yes please. (cough) ") == "Yes please. (cough)"
