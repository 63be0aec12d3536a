"""Telephone numbers as lists spell them. Each line is one spelling; a refusal names its code."""

from __future__ import annotations

import pytest

from pokea.campaigns.lists.cells import Unusable
from pokea.campaigns.lists.numbers import NumberReader, lost_its_zero
from pokea.phone_numbers import E164

ALL = frozenset({"KE", "NG", "GH", "UG"})
KE, NG, GH, UG = "+254712345678", "+2348031234567", "+233241234567", "+256772123456"

READ = [
    # Kenya
    ("KE", "0712 345 678", KE),
    ("KE", "0712345678", KE),
    ("KE", "0712-345-678", KE),
    ("KE", "0712.345.678", KE),
    ("KE", "(0712) 345678", KE),
    ("KE", "  0712345678  ", KE),
    ("KE", "712345678", KE),
    ("KE", "712 345 678", KE),
    ("KE", "254712345678", KE),
    ("KE", "254 712 345 678", KE),
    ("KE", "+254712345678", KE),
    ("KE", "+254 712 345 678", KE),
    ("KE", "+254-712-345678", KE),
    ("KE", "(+254) 712 345 678", KE),
    ("KE", "+254 (0) 712 345 678", KE),
    ("KE", "+254(0)712345678", KE),
    ("KE", "+2540712345678", KE),
    ("KE", "2540712345678", KE),
    ("KE", "00254712345678", KE),
    ("KE", "00 254 712 345678", KE),
    ("KE", "000254712345678", KE),
    ("KE", "'0712345678", KE),
    ("KE", "'+254712345678", KE),
    ("KE", "’0712345678", KE),
    ("KE", '="0712345678"', KE),
    ("KE", "=+254712345678", KE),
    ("KE", "tel:+254712345678", KE),
    ("KE", "Tel: 0712 345 678", KE),
    ("KE", "WhatsApp: 0712345678", KE),
    ("KE", "mob. 0712345678", KE),
    ("KE", "712345678.0", KE),
    ("KE", "254712345678.00", KE),
    ("KE", "254712345678,0", KE),
    ("KE", "7.12345678E+08", KE),
    ("KE", "2.54712345678E+11", KE),
    ("KE", "2,54712345678E+11", KE),
    ("KE", "\u202a+254 712 345678\u202c", KE),
    ("KE", "\u200e0712345678", KE),
    ("KE", "0712\u00a0345\u00a0678", KE),
    ("KE", "0712\u2011345\u2011678", KE),
    ("KE", "０７１２３４５６７８", KE),
    ("KE", "٠٧١٢٣٤٥٦٧٨", KE),
    ("KE", "0712\t345678", KE),
    ("KE", "0112345678", "+254112345678"),
    ("KE", "112345678", "+254112345678"),
    ("KE", "020 2345678", "+254202345678"),
    ("KE", "256772123456", UG),
    ("KE", "2348031234567", NG),
    ("KE", "233241234567", GH),
    ("KE", "00256772123456", UG),
    ("KE", "+1 202 555 0143", "+12025550143"),
    # Nigeria
    ("NG", "0803 123 4567", NG),
    ("NG", "08031234567", NG),
    ("NG", "8031234567", NG),
    ("NG", "2348031234567", NG),
    ("NG", "+234 803 123 4567", NG),
    ("NG", "+234 (0) 803 123 4567", NG),
    ("NG", "+23408031234567", NG),
    ("NG", "002348031234567", NG),
    ("NG", "0092348031234567", NG),
    ("NG", "8.031234567E+09", NG),
    ("NG", "2348031234567.0", NG),
    ("NG", "254712345678", KE),
    # Ghana
    ("GH", "024 123 4567", GH),
    ("GH", "0241234567", GH),
    ("GH", "241234567", GH),
    ("GH", "233241234567", GH),
    ("GH", "+233 24 123 4567", GH),
    ("GH", "+233 (0)24 123 4567", GH),
    ("GH", "00233241234567", GH),
    ("GH", "2.33241234567E+11", GH),
    ("GH", "030 222 1234", "+233302221234"),
    ("GH", "254712345678", KE),
    # Uganda
    ("UG", "0772 123456", UG),
    ("UG", "0772123456", UG),
    ("UG", "772123456", UG),
    ("UG", "256772123456", UG),
    ("UG", "+256 772 123 456", UG),
    ("UG", "+256-772-123-456", UG),
    ("UG", "00256772123456", UG),
    ("UG", "000256772123456", UG),
    ("UG", "0392 123456", "+256392123456"),
    ("UG", "254712345678", KE),
]

REFUSED = [
    ("KE", "", "phone_missing"),
    ("KE", "   ", "phone_missing"),
    ("KE", "'", "phone_missing"),
    ("KE", "7.12346E+08", "phone_digits_lost"),
    ("KE", "2.54712E+11", "phone_digits_lost"),
    ("KE", "2,55E+11", "phone_digits_lost"),
    ("KE", "7E8", "phone_digits_lost"),
    ("NG", "8.03E+09", "phone_digits_lost"),
    ("GH", "2.33241E11", "phone_digits_lost"),
    ("UG", "2.56772E+11", "phone_digits_lost"),
    ("KE", "7.123456789E+08", "phone_digits_lost"),  # a fraction of a number
    ("KE", "0712345678/0722345678", "phone_several"),
    ("KE", "0712345678, 0722345678", "phone_several"),
    ("KE", "0712345678; 0722345678", "phone_several"),
    ("KE", "0712345678 0722345678", "phone_invalid"),
    ("KE", "0712345678\n0722345678", "phone_invalid"),
    ("KE", "O712345678", "phone_letters"),
    ("KE", "07l2345678", "phone_letters"),
    ("KE", "0712 345 678 (John)", "phone_letters"),
    ("KE", "0712345678 ext. 5", "phone_letters"),
    ("KE", "0800 FLOWERS", "phone_letters"),
    ("KE", "n/a", "phone_letters"),
    ("KE", "*144#", "phone_invalid"),
    ("KE", "0712345678#5", "phone_invalid"),
    ("KE", "-346136", "phone_invalid"),  # what a spreadsheet makes of +254-712-345678
    ("KE", "0712+345678", "phone_invalid"),
    ("KE", "++254712345678", "phone_invalid"),
    ("KE", "=1+1", "phone_invalid"),
    ("KE", "=cmd|' /C calc'!A0", "phone_letters"),
    ("KE", "0712", "phone_invalid"),
    ("KE", "71234567", "phone_invalid"),
    ("KE", "07123456789", "phone_invalid"),
    ("KE", "0254712345678", "phone_invalid"),
    ("KE", "+999123456789", "phone_invalid"),
    ("KE", "0" * 41, "phone_invalid"),
    ("KE", "12025550143", "phone_invalid"),  # another country's code without a plus, and not one of the campaign's
    ("KE", "0800 720 720", "phone_kind"),
    ("NG", "803123456", "phone_invalid"),
    ("GH", "24123456", "phone_invalid"),
    ("UG", "7721234567", "phone_invalid"),
    ("UG", "+44 70 1234 5678", "phone_kind"),  # a personal number: a call to it costs what its owner likes
    ("UG", "+44 909 879 0123", "phone_kind"),
]


@pytest.mark.parametrize(("country", "cell", "number"), READ)
def test_a_spelling_with_one_meaning_is_read(country: str, cell: str, number: str) -> None:
    assert NumberReader(country, ALL).read(cell) == number


@pytest.mark.parametrize(("country", "cell", "code"), REFUSED)
def test_a_spelling_without_one_meaning_is_refused_and_told_what_to_do(country: str, cell: str, code: str) -> None:
    with pytest.raises(Unusable) as refused:
        NumberReader(country, ALL).read(cell)
    assert (refused.value.code, refused.value.column) == (code, "phone")
    assert len(cell) < 5 or cell not in refused.value.says or code == "phone_digits_lost"


def test_a_country_code_without_a_plus_must_be_one_of_the_campaigns() -> None:
    with pytest.raises(Unusable):
        NumberReader("KE", frozenset({"KE"})).read("256772123456")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("0712", "has too few digits: write it with its country code, such as +254712123456"),
        ("071234567890123", "has too many digits, one number goes into a row"),
        (
            "7.12346E+08",
            "was shortened to 7.12346E+08 by a spreadsheet, and its last digits are lost: format the column as text",
        ),
    ],
)
def test_the_problem_is_named(cell: str, says: str) -> None:
    with pytest.raises(Unusable) as refused:
        NumberReader("KE", ALL).read(cell)
    assert refused.value.says.startswith(says)


@pytest.mark.parametrize(
    ("cell", "lost"),
    [
        ("712345678", True),
        ("7.12345678E+08", True),
        ("0712345678", False),
        ("254712345678", False),
        ("+254712345678", False),
    ],
)
def test_a_leading_zero_that_a_spreadsheet_took_is_noticed(cell: str, lost: bool) -> None:
    assert lost_its_zero(cell, E164(KE)) is lost
