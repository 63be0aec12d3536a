"""Only what was heard was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.transcript import Transcript, heard_part


@pytest.mark.parametrize(
    ("heard", "part"),
    [
        (0, ""),
        (10, ""),
        (40, "Good"),
        (50, "Good morning"),
        (99, "Good morning dear"),
        (100, "Good morning dear caller"),
    ],
)
def test_a_cut_sentence_ends_at_a_word(heard: int, part: str) -> None:
    assert heard_part("Good morning dear caller", heard, 100) == part


@given(st.text(max_size=60), st.integers(0, 500), st.integers(1, 500))
def test_what_was_heard_is_always_a_beginning(text: str, heard: int, generated: int) -> None:
    part = heard_part(text, heard, generated)
    assert text.startswith(part)
    assert heard < generated or part == text


def test_the_callers_pieces_become_one_line_at_the_time_they_began() -> None:
    transcript = Transcript()
    transcript.caller_words(" I nee", 1_000)
    transcript.caller_words("d help ", 1_400)
    line = transcript.close_caller_line()
    assert line is not None
    assert line.to_json() == {"who": "caller", "text": "I need help", "at_ms": 1_000}
    assert transcript.close_caller_line() is None


def test_an_endless_call_keeps_its_beginning() -> None:
    transcript = Transcript()
    for index in range(1_000):
        transcript.agent(f"line {index}", index)
    assert len(transcript.lines) == 400
    assert transcript.lines[0].text == "line 0"
