from __future__ import annotations

import subprocess
import sys

import pytest

from pokea.errors import RejectedInput
from pokea.phone_numbers import E164, parse


@pytest.mark.parametrize("text", ["+254711000001", "+1234567", "+123456789012345"])
def test_e164_numbers_are_valid_by_construction(text: str) -> None:
    assert E164(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "254711000001", "+0711000001", "+123456", "+1234567890123456", "+25471100000a", "+254 711", "+25471100000١"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RejectedInput):
        E164(text)


def test_a_masked_number_shows_neither_the_middle_nor_the_length() -> None:
    assert E164("+254711000001").masked == "+254…01"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("0722 000 111", "KE", "+254722000111"),
        ("+254 722 000111", "UG", "+254722000111"),
        ("254722000111", "KE", "+254722000111"),
        ("0772-123-456", "UG", "+256772123456"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, region: str, number: str) -> None:
    assert parse(text, region) == number


@pytest.mark.parametrize("text", ["", "hello", "12", "0722 000 111 ext. 5", "0" * 41, "+999123456789", "'; DROP TABLE"])
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(RejectedInput) as refused:
        parse(text, "KE")
    assert refused.value.code == "not_a_number"
    assert not text or text not in refused.value.message


def test_the_voice_webhook_does_not_pay_for_the_number_tables() -> None:
    code = "import sys, pokea.lines, pokea.calls; print([m for m in ('phonenumbers', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
