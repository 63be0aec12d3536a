from __future__ import annotations

import pytest

from local.speech.spoken import speakable


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("on 2026-11-26 then", "on 26 November then"),
        ("at 14:30", "at 14 30"),
        ("at 9:05", "at 9 oh 5"),
        ("at 10:00", "at 10 o'clock"),
        ("at 00:00", "at midnight"),
        ("2026-11-26T14:30", "26 November 14 30"),
        ("call +254712345678", "call plus 2 5 4, 7 1 2, 3 4 5, 6 7 8"),
        ("reference A7K2Q", "reference A 7 K, 2 Q"),
        ("say [[h@'loU]]", "say  h@'loU "),
        ("2026-13-40 is no date", "2026-13-40 is no date"),
        ("Thursday at two thirty", "Thursday at two thirty"),
    ],
)
def test_writing_becomes_words(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


def test_swahili_dates_have_swahili_months() -> None:
    assert speakable("tarehe 2026-11-26", "sw") == "tarehe 26 Novemba"
