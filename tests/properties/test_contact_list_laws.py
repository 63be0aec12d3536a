"""Laws of contact lists: no row is lost, one number is one contact, the order of rows decides nothing that it should not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.listing import Entry, Imported
from pokea.campaigns.lists.cells import Unusable, plain
from pokea.campaigns.lists.columns import columns_of, safe_name
from pokea.campaigns.lists.numbers import NumberReader
from pokea.campaigns.lists.rows import BadList
from pokea.campaigns.preview import Summary, foreseen
from pokea.campaigns.rejected_rows import RejectsWriter
from tests.support.contact_lists import (
    NOW,
    TITLES,
    contact_list,
    csv_of,
    definition,
    entries_of,
    imported,
    json_of,
    person,
    rejected,
)
from tests.support.sizes import examples

NUMBERS = st.sampled_from(
    ["0712345678", "+254712345678", "712345678", "0722000111", "+256772123456", "7.1E+08", "", "x"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PEOPLE = st.builds(
    person,
    NUMBERS,
    TEXTS,
    source=st.sampled_from(["web form", "call", "", "=fair"]),
    at=st.sampled_from(["2026-10-01", "2026-10-02T09:00:00+03:00", "2026-11-01", "soon", ""]),
    zone=st.sampled_from(["", "Africa/Nairobi", "Mars"]),
    language=st.sampled_from(["", "sw", "en", "fr"]),
)
LISTS = st.lists(PEOPLE, max_size=25)


def lines_told(entries: Sequence[Entry]) -> list[int]:
    lines = [one.line for one in entries]
    return sorted(lines + [merged.line for one in imported(entries) for merged in one.merged])


@settings(max_examples=examples(30))
@given(LISTS)
def test_every_row_is_a_contact_or_merged_or_rejected_and_nothing_twice(people: list[list[str]]) -> None:
    entries = entries_of(json_of(people)) if people else []
    assert lines_told(entries) == list(range(1, len(people) + 1))
    numbers = [one.contact.number for one in imported(entries)]
    assert len(set(numbers)) == len(numbers)


@settings(max_examples=examples(30))
@given(LISTS.filter(bool))
def test_now_later_never_and_merged_add_up_to_the_rows(people: list[list[str]]) -> None:
    contacts, summary = contact_list(json_of(people)), Summary()
    for entry, one in foreseen(contacts.entries(NOW), contacts.campaign, packaged_policies(), NOW):
        summary.add(one, is_rejected=not isinstance(entry, Imported))
    assert summary.rows == len(people) == summary.now + summary.later + summary.never + summary.merged


@settings(max_examples=examples(25))
@given(LISTS.filter(bool), st.randoms(use_true_random=False))
def test_the_newest_consent_holds_in_whatever_order_the_rows_stand(people: list[list[str]], random: object) -> None:
    def consents(rows: list[list[str]]) -> dict[str, object]:
        return {one.contact.number: one.contact.consent.at for one in imported(entries_of(json_of(rows)))}

    shuffled = list(people)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert consents(shuffled) == consents(people)


@settings(max_examples=examples(25))
@given(LISTS.filter(bool), st.sampled_from([",", ";", "\t"]))
def test_csv_and_json_mean_the_same(people: list[list[str]], delimiter: str) -> None:
    people = [[" ".join(cell.split()).replace("\0", "") for cell in row] for row in people]
    people = [row for row in people if any(row)]
    if not people:
        return
    one, other = entries_of(csv_of(people, delimiter=delimiter)), entries_of(json_of(people))
    assert [found.contact for found in imported(one)] == [found.contact for found in imported(other)]
    assert [(found.code, found.cells) for found in rejected(one)] == [
        (found.code, found.cells) for found in rejected(other)
    ]


@settings(max_examples=examples(30))
@given(st.lists(st.lists(TEXTS, min_size=7, max_size=7), min_size=1, max_size=10))
def test_rejected_rows_keep_their_cells_run_nothing_and_are_read_back(people: list[list[str]]) -> None:
    people = [["no number", *(cell.replace("\0", "").replace("\r", "") for cell in row[1:])] for row in people]
    first = rejected(entries_of(csv_of(people)))
    out = io.StringIO(newline="")
    writer = RejectsWriter(csv.writer(out, lineterminator="\n"), TITLES, "line")
    for one in first:
        writer.write(one)
    written = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert not [cell for row in written for cell in row if cell.startswith(("=", "@", "\t"))]
    assert len(written) == len(people) + 1
    again = rejected(entries_of(out.getvalue().encode()))
    assert [list(map(plain, one.cells[:7])) for one in again] == [list(map(plain, one.cells)) for one in first]


BEGINNINGS = st.sampled_from([b"", b"phone\n", b"phone;name\n", b"[{", b'{"phone":', b"PK\x03\x04"])


@settings(max_examples=examples(40, 400))
@given(BEGINNINGS, st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_documented_refusal(beginning: bytes, rest: bytes) -> None:
    try:
        entries_of(beginning + rest)
    except BadList as refused:
        assert refused.message.startswith("people: ") and refused.message.isprintable()


@settings(max_examples=examples(40, 400))
@given(
    st.text(max_size=60) | st.from_regex(r"[+0-9 ()/.eE'=-]{0,24}", fullmatch=True),
    st.sampled_from(["KE", "NG", "GH", "UG"]),
)
def test_any_cell_is_a_number_of_its_own_digits_or_is_refused(cell: str, country: str) -> None:
    """A number never has a digit at its end that the cell does not have there."""
    try:
        number = NumberReader(country, frozenset({"KE", "NG", "GH", "UG"})).read(cell)
    except Unusable as refused:
        assert refused.says
        return
    assert NumberReader(country, frozenset()).read(number) == number


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
def test_the_names_of_fields_are_safe_and_unlike(titles: list[str]) -> None:
    try:
        fields = columns_of(["phone", *titles], {}, None, "people").fields
    except BadList:
        return
    assert len(set(fields)) == len(fields)
    definition(columns=dict.fromkeys(fields, "x"))  # every one of them may stand in a campaign's file
    assert all(safe_name(title, 3).isascii() for title in titles)


@pytest.mark.parametrize("size", [0, 1, 65_536, 100_000, 262_144])
def test_a_json_list_is_read_whole_wherever_its_pieces_end(size: int) -> None:
    people = json.dumps([{"phone": "0712345678", "pad": "x" * 90_000}, {"phone": "2"}, {"phone": "3"}])
    content = people.replace("}, {", "}," + " " * size + "{").encode()
    assert lines_told(entries_of(content)) == [1, 2, 3]
