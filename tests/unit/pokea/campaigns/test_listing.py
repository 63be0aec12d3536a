"""A list as contacts: columns by any spelling, consent as proof, one number once, and a reason for every row that is none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from pokea.campaigns.contact import Consent, ContactState
from pokea.campaigns.listing import ZERO_LOST, ContactList, Rejected
from pokea.campaigns.lists import columns
from pokea.campaigns.lists.rows import BadList, list_file
from pokea.campaigns.ports import contact_id_of
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from tests.support import contact_lists
from tests.support.contact_lists import (
    NOW,
    TITLES,
    WORDING,
    contact_list,
    csv_of,
    definition,
    entries_of,
    imported,
    json_of,
    person,
    rejected,
    xlsx_of,
)

AMINA = "+254712345678"


def one_row(**cells: str) -> bytes:
    titles = list(dict.fromkeys([*TITLES, *cells]))
    sound = dict(zip(TITLES, person("0712345678", "Amina"), strict=True))
    return csv_of([[{**sound, **cells}.get(title, "") for title in titles]], titles)


def rejection(**cells: str) -> tuple[str, str]:
    [found] = entries_of(one_row(**cells))
    assert isinstance(found, Rejected)
    return found.code, found.column


@pytest.mark.parametrize("written", [csv_of, json_of, xlsx_of])
def test_the_documented_columns_make_a_contact(written: object) -> None:
    [found] = imported(entries_of(written([person("0712 345 678", "Amina W.", zone="Africa/Kampala", language="sw")])))  # type: ignore[operator]
    contact = found.contact
    assert (contact.number, contact.name, contact.zone, contact.language) == (AMINA, "Amina W.", "Africa/Kampala", "sw")
    assert contact.consent == Consent("web form", WORDING, datetime(2026, 10, 2, 6, 14, tzinfo=UTC))
    assert (contact.state, contact.due_at, contact.attempts) == (ContactState.WAITING, NOW, 0)
    assert contact.contact_id == contact_id_of(BusinessId("mizani"), E164(AMINA))
    assert (contact.business_id, contact.campaign_id) == ("mizani", "c1")


def test_columns_are_found_by_any_spelling_of_their_names() -> None:
    titles = ["PHONE", " Name ", "Time zone", "Consent Source", "consent-wording", "ConsentAt", "language"]
    assert len(imported(entries_of(csv_of([person("0712345678")], titles)))) == 1


def test_the_campaign_says_what_the_list_calls_a_column() -> None:
    wanted = definition(columns={"phone": "Mobile no.", "owed": "Balance (KES)"})
    titles = ["mobile NO", *TITLES[1:], "Balance (kes)"]
    [found] = imported(entries_of(csv_of([[*person("0712345678"), "1200"]], titles), wanted))
    assert found.contact.fields == {"owed": "1200"}


def test_further_columns_become_fields_under_safe_names() -> None:
    titles = [
        *TITLES,
        "Amount due (KES)",
        "Montant dû",
        "2nd visit",
        "",
        "名前",
        "amount-due kes",
        "Phone 2",
        "problem",
    ]
    contacts = contact_list(csv_of([[*person("0712345678"), *"abcdefgh"]], titles))
    [found] = imported(list(contacts.entries(NOW)))
    assert dict(found.contact.fields) == {
        "amount_due_kes": "a",
        "montant_du": "b",
        "column_2nd_visit": "c",
        "column_11": "d",
        "column_12": "e",
        "amount_due_kes_2": "f",
        "phone_2": "g",
    }
    assert contacts.campaign.fields == tuple(found.contact.fields)


def test_a_further_column_never_passes_for_a_documented_one() -> None:
    wanted = definition(columns={"phone": "Mobile"})
    [found] = imported(entries_of(csv_of([[*person("0722000111"), "0712345678"]], [*TITLES, "Mobile"]), wanted))
    assert found.contact.number == AMINA and found.contact.fields == {"phone_2": "0722000111"}


def test_only_the_fields_that_the_campaign_names_are_kept() -> None:
    content = csv_of([[*person("0712345678"), "basic", "secret"]], [*TITLES, "Plan", "Notes"])
    [found] = imported(entries_of(content, definition(fields=["plan"])))
    assert found.contact.fields == {"plan": "basic"}


@pytest.mark.parametrize(
    ("titles", "keys", "says"),
    [
        (
            ["mobile", "name"],
            {},
            "has no column 'phone': say which one it is, [columns] phone = \"…\"; it has: mobile, name",
        ),
        (["phone", "Phone"], {}, "has 2 columns called 'phone': rename all but one"),
        (["phone"], {"columns": {"name": "Full name"}}, "has no column 'Full name', which the campaign takes for name"),
        (["phone"], {"columns": {"name": "Phone"}}, "has one column for both phone and name"),
        (["phone"], {"fields": ["plan"]}, "has no column for the field 'plan'"),
        (["phone", *(f"c{n}" for n in range(41))], {}, "has more than 40 further columns"),
    ],
)
def test_a_header_that_cannot_be_used_is_one_line(titles: Sequence[str], keys: dict[str, object], says: str) -> None:
    with pytest.raises(BadList) as refused:
        contact_list(csv_of([], titles), definition(**keys))
    assert refused.value.message.startswith(f"people: {says}")


@pytest.mark.parametrize("column", columns.CONSENT)
def test_nobody_is_a_contact_without_the_whole_proof_of_consent(column: str) -> None:
    assert rejection(**{column: "  "}) == ("consent_missing", column)


def test_a_list_without_a_consent_column_has_no_contacts() -> None:
    contacts = contact_list(csv_of([["0712345678", "a"]], ["phone", "name"]))
    assert contacts.columns.missing_consent == columns.CONSENT
    assert [one.code for one in rejected(list(contacts.entries(NOW)))] == ["consent_missing"]


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2026-10-02T09:14:00+03:00", "2026-10-02T06:14:00+00:00"),
        ("2026-10-02t09:14:00z", "2026-10-02T09:14:00+00:00"),
        ("2026-10-02 09:14", "2026-10-02T06:14:00+00:00"),  # no offset: the business's zone
        ("2026-10-02 09:14:30.5 +01:00", "2026-10-02T08:14:30.500000+00:00"),
        ("2026-10-02", "2026-10-01T21:00:00+00:00"),  # a day begins at midnight in the business's zone
        ("'2026-10-02", "2026-10-01T21:00:00+00:00"),
    ],
)
def test_a_consent_time_is_an_instant(cell: str, instant: str) -> None:
    [found] = imported(entries_of(one_row(consent_at=cell)))
    assert found.contact.consent.at == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    "cell",
    [
        "01/05/2026",
        "5 May 2026",
        "2026-5-1",
        "46143",
        "2026-02-30",
        "2026-10-02T25:00:00Z",
        "yesterday",
        "1869-01-01",
        "0000-01-01",
    ],
)
def test_a_consent_time_with_more_than_one_meaning_is_refused(cell: str) -> None:
    assert rejection(consent_at=cell) == ("consent_time", "consent_at")


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"phone": "0712"}, "phone_invalid", "phone"),
        ({"phone": "0712345678\0"}, "not_text", ""),
        ({"timezone": "EAT+3"}, "timezone_unknown", "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone_unknown", "timezone"),
        ({"language": "fr"}, "language_unknown", "language"),
        ({"name": "A" * 81}, "too_long", "name"),
        ({"name": "x" * 10_000}, "too_long", "name"),
        ({"name": "Amina\nWanjiru"}, "line_break", "name"),
        ({"consent_source": "s" * 201}, "too_long", "consent_source"),
        ({"consent_wording": "w" * 2_001}, "too_long", "consent_wording"),
        ({"notes": "n" * 1_001}, "too_long", "notes"),
        ({f"n{place}": "n" * 999 for place in range(9)}, "too_long", ""),
    ],
)
def test_a_cell_that_cannot_be_used_rejects_its_row_and_names_the_column(
    cells: dict[str, str], code: str, column: str
) -> None:
    assert rejection(**cells) == (code, column)


@pytest.mark.parametrize(
    ("column", "cell", "meaning"),
    [
        ("timezone", "africa/nairobi", "Africa/Nairobi"),
        ("timezone", "Africa/Dar es Salaam", "Africa/Dar_es_Salaam"),
        ("language", "Kiswahili", "sw"),
        ("language", "EN-ke", "en"),
        ("language", "", "en"),
        ("name", "  Amina \t Wanjiru ", "Amina Wanjiru"),
        ("name", '="Amina"', "Amina"),
        ("name", "'=1+1", "=1+1"),
        ("name", "Ami\u202ena\u0007 \u001b[31mRed", "Amina [31mRed"),
        ("name", "Zoe\u0308", "Zoë"),
    ],
)
def test_what_people_write_is_read_as_they_meant_it(column: str, cell: str, meaning: str) -> None:
    [found] = imported(entries_of(one_row(**{column: cell})))
    assert getattr(found.contact, {"timezone": "zone"}.get(column, column)) == meaning


def test_a_row_may_lack_its_last_empty_cells_and_have_empty_ones_too_many() -> None:
    short = b"phone,consent_source,consent_wording,consent_at,name,plan\n0712345678,a,b,2026-10-02\n0722000111,a,b,2026-10-02,c,,, \n"
    assert [one.contact.number for one in imported(entries_of(short))] == [AMINA, "+254722000111"]


def test_a_row_with_a_cell_too_many_is_rejected_whole() -> None:
    long = b"phone,consent_source,consent_wording,consent_at\n0712345678,a,I agree, fully,2026-10-02\n"
    [found] = rejected(entries_of(long))
    assert found.code == "row" and found.cells == ("0712345678", "a", "I agree", " fully", "2026-10-02")
    assert found.says.startswith("has 5 cells and the header 4")


def test_a_number_without_its_leading_zero_is_told() -> None:
    first, second = imported(entries_of(csv_of([person("712345678"), person("0722000111")])))
    assert (first.notes, second.notes) == ((ZERO_LOST,), ())


# --- one number once -------------------------------------------------------------------------------------------------------------


def test_rows_of_one_number_are_one_contact_the_newest_consent_holds_and_the_first_word_of_the_rest() -> None:
    titles = [*TITLES, "plan", "town"]
    content = csv_of(
        [
            [*person("0712345678", "Amina", source="form", at="2026-10-01"), "basic", ""],
            [*person("0722000111", "Peter"), "", ""],
            [*person("+254712345678", "A. W.", source="call", at="2026-10-09", language="sw"), "plus", "Thika"],
            [*person("254 712 345678", "", source="fair", at="2026-10-05", zone="Africa/Nairobi"), "", "Nakuru"],
        ],
        titles,
    )
    peter, amina = imported(entries_of(content))
    assert peter.contact.name == "Peter" and not peter.merged
    contact = amina.contact
    assert (amina.line, contact.name, contact.language, contact.zone) == (2, "Amina", "sw", "Africa/Nairobi")
    assert contact.consent.source == "call"
    assert contact.fields == {"plan": "basic", "town": "Thika"}
    assert [(one.line, one.says) for one in amina.merged] == [
        (
            4,
            "the same number as line 2; its consent is newer and holds; added: language, town; "
            "not used, because an earlier row says otherwise: name, plan",
        ),
        (5, "the same number as line 2; added: time zone; not used, because an earlier row says otherwise: town"),
    ]


def test_a_row_that_cannot_be_used_adds_nothing_to_its_number() -> None:
    content = csv_of([person("0712345678", "Wrong", source=""), person("0712345678", "Amina")])
    bad, good = entries_of(content)
    assert isinstance(bad, Rejected) and bad.code == "consent_missing"
    assert imported([good])[0].contact.name == "Amina" and not imported([good])[0].merged


def test_too_many_rows_that_wait_for_one_another_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pokea.campaigns.listing.MAX_WAITING_BYTES", 1_000)
    people = [person(f"07120000{number:02}") for number in range(30)]
    with pytest.raises(BadList, match="sort it by number first"):
        entries_of(csv_of(people + people))
    assert len(imported(entries_of(csv_of(sorted(people + people))))) == 30


@pytest.mark.parametrize(
    "later", [[person("0733000111")], [], [person("0712345678", source="forged")], [person("0712345678")] * 2]
)
def test_a_file_that_changes_while_it_is_read_is_refused(later: list[list[str]]) -> None:
    """Else a number could get another person's consent."""
    versions = iter([csv_of([person("0712345678")])] * 3)  # what it is, its header, its numbers
    contacts = ContactList(
        list_file(lambda: io.BytesIO(next(versions, csv_of(later))), "people"), contact_lists.definition()
    )
    with pytest.raises(BadList, match="changed while it was read"):
        list(contacts.entries(NOW))
