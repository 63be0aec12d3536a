"""Country packs: what ships, what a strict reader refuses, and how a business tightens or replaces one."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pokea.campaigns.country_policy import (
    PACKAGED_POLICIES,
    BadPolicy,
    Basis,
    ConsentForm,
    CountryPolicy,
    Topic,
    load_policy,
    packaged_policies,
    policies_for,
    policies_in,
    policy_of,
)
from pokea.hours import Opening

FILES = sorted(PACKAGED_POLICIES.glob("*.toml"))
KENYA = tomllib.loads((PACKAGED_POLICIES / "ke.toml").read_text("utf-8"))
GHANA = tomllib.loads((PACKAGED_POLICIES / "gh.toml").read_text("utf-8"))


def test_four_countries_have_a_pack() -> None:
    assert packaged_policies().countries == ("GH", "KE", "NG", "UG")
    assert packaged_policies() is packaged_policies()
    assert packaged_policies().of("TZ") == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_packaged_rule_says_where_it_is_from_and_what_is_doubtful(file: Path) -> None:
    pack = load_policy(file)
    assert file.stem == pack.country.lower() and not pack.replaces
    grounds = [pack.hours_grounds, pack.holidays.grounds, pack.consent.grounds, pack.consent.age_grounds]
    grounds += [pack.attempts.grounds, *(notice.grounds for notice in pack.notices)]
    assert all(ground and ground.source and ground.doubt for ground in grounds)
    # No statute's own text was read, so none may claim it.
    assert all(ground and ground.basis is not Basis.LAW for ground in grounds)
    assert pack.hours_grounds.basis is Basis.OURS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_hours_that_ship_are_the_careful_ones(file: Path) -> None:
    week = load_policy(file).hours.week
    assert [week[weekday] for weekday in range(5)] == [(Opening(480, 1_140),)] * 5
    assert (week[5], week[6]) == ((Opening(540, 780),), ())


def test_only_ghana_asks_for_written_consent() -> None:
    forms = {country: packaged_policies().of(country)[0].consent.form for country in packaged_policies().countries}
    assert [country for country, form in forms.items() if form is ConsentForm.WRITTEN] == ["GH"]


def test_every_pack_tells_people_what_a_machine_cannot_check() -> None:
    for country in packaged_policies().countries:
        notices = packaged_policies().of(country)[0].notices
        assert {Topic.DISCLOSURE, Topic.DO_NOT_CALL, Topic.SENSITIVE} <= {notice.topic for notice in notices}
        assert any("ealth" in notice.says for notice in notices if notice.topic is Topic.SENSITIVE)


# Read off printed calendars; moon days as they were declared.
HOLIDAYS = {
    "KE": "2025-03-31 2025-06-02 2026-01-01 2026-03-20 2026-04-03 2026-04-06 2026-05-01 2026-06-01 2026-10-10 2026-10-20 2026-12-12",
    "NG": "2025-06-06 2026-04-03 2026-04-06 2026-05-01 2026-06-12 2026-10-01 2026-12-25 2026-12-26",
    "GH": "2026-01-07 2026-03-06 2026-04-03 2026-04-06 2026-05-01 2026-09-21 2026-12-04 2026-12-25",
    "UG": "2026-01-26 2026-02-16 2026-03-08 2026-04-03 2026-05-01 2026-06-03 2026-06-09 2026-10-09 2026-12-25 2026-12-26",
}


@pytest.mark.parametrize("country", HOLIDAYS)
def test_holidays_are_known(country: str) -> None:
    rule = packaged_policies().of(country)[0].holidays
    assert [day for day in HOLIDAYS[country].split() if not rule.name_of(date.fromisoformat(day))] == []
    assert rule.name_of(date(2026, 7, 14)) == ""


def test_days_about_an_estimated_feast_are_holidays() -> None:
    rule = packaged_policies().of("KE")[0].holidays
    names = [rule.name_of(date(2027, 3, day)) for day in range(7, 12)]
    assert names == [
        "",
        "a day next to Eid al-Fitr (estimated)",
        "Eid al-Fitr (estimated)",
        "a day next to Eid al-Fitr (estimated)",
        "",
    ]
    believed = replace(rule, margin_days=0)
    assert believed.name_of(date(2027, 3, 8)) == ""


def test_a_year_without_a_calendar_is_closed() -> None:
    rule = packaged_policies().of("KE")[0].holidays
    assert rule.name_of(date(2150, 7, 14)) == "2150, whose holidays are not known"
    assert rule.name_of(date(2148, 12, 31)) and rule.name_of(date(2148, 2, 29))


def read(change: Callable[[dict[str, Any]], object], tables: dict[str, Any] = KENYA) -> CountryPolicy:
    changed = copy.deepcopy(tables)
    change(changed)
    return policy_of(changed, "ke.toml")


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown key": (lambda pack: pack.update(hour={}), "ke.toml: hour: is not a key of a pack"),
    "no hours": (lambda pack: pack.pop("hours"), "ke.toml: hours: is missing: a pack needs [hours]"),
    "hours no table": (lambda pack: pack.update(hours=3), "ke.toml: hours: is not a table"),
    "forgotten weekday": (
        lambda pack: pack["hours"].pop("sunday"),
        'ke.toml: hours: sunday: is not a list of openings such as ["08:00-19:00"]; [] for a day without calls',
    ),
    "misspelt weekday": (lambda pack: pack["hours"].update(sunnday=[]), "ke.toml: hours: sunnday: is not a key of a rule"),
    "bad opening": (
        lambda pack: pack["hours"].update(monday=["8-19"]),
        "ke.toml: hours: monday: '8-19' is not opening hours like 08:00-17:00",
    ),
    "overlap": (
        lambda pack: pack["hours"].update(monday=["08:00-12:00", "11:59-13:00"]),
        "ke.toml: hours: monday: its openings overlap or are out of order",
    ),
    "no source": (lambda pack: pack["hours"].pop("source"), "ke.toml: hours: source: is missing"),
    "empty source": (
        lambda pack: pack["hours"].update(source=" "),
        "ke.toml: hours: source: is not one line of 1 to 2000 characters",
    ),
    "no doubt": (lambda pack: pack["consent"].pop("doubt"), "ke.toml: consent: doubt: is missing"),
    "odd basis": (
        lambda pack: pack["attempts"].update(basis="hearsay"),
        "ke.toml: attempts: basis: is not one of law, reported, ours",
    ),
    "bad id": (lambda pack: pack.update(id="KE 1"), "ke.toml: id: is not lower-case letters, digits and hyphens"),
    "bad country": (
        lambda pack: pack.update(country="Kenya"),
        "ke.toml: country: is not a country as two capital letters, such as KE",
    ),
    "no calendar": (
        lambda pack: pack["holidays"].update(calendar="ZZ"),
        "ke.toml: holidays: calendar: the holidays package has no calendar of ZZ",
    ),
    "no category": (
        lambda pack: pack["holidays"].update(categories=["bank"]),
        "ke.toml: holidays: calendar: the holidays package says: Category is not supported: bank.",
    ),
    "wide margin": (
        lambda pack: pack["holidays"].update(estimated_margin_days=4),
        "ke.toml: holidays: estimated_margin_days: is not a whole number from 0 to 3",
    ),
    "extra without date": (
        lambda pack: pack["holidays"].update(extra=[{"date": "2027-01-04", "name": "A day"}]),
        "ke.toml: holidays: extra 1: date: is not a date such as 2027-08-10",
    ),
    "true is no number": (
        lambda pack: pack["attempts"].update(per_day=True),
        "ke.toml: attempts: per_day: is not a whole number from 1 to 100",
    ),
    "no attempts at all": (
        lambda pack: pack["attempts"].update(in_all=0),
        "ke.toml: attempts: in_all: is not a whole number from 1 to 1000",
    ),
    "words without need": (
        lambda pack: pack["consent"].update(written_words=["form"]),
        'ke.toml: consent: written_words: go with form = "written", and only with it',
    ),
    "written without words": (
        lambda pack: pack["consent"].update(form="written"),
        'ke.toml: consent: written_words: go with form = "written", and only with it',
    ),
    "two words": (
        lambda pack: pack["consent"].update(form="written", written_words=["web form"]),
        "ke.toml: consent: written_words: 'web form' is not one word in lower case",
    ),
    "age": (
        lambda pack: pack["consent_age"].update(days=0),
        "ke.toml: consent_age: days: is not a whole number from 1 to 36500",
    ),
    "missing topic": (
        lambda pack: pack.update(notice=[row for row in pack["notice"] if row["topic"] != "sensitive"]),
        "ke.toml: notice: none of them is about sensitive",
    ),
    "odd topic": (
        lambda pack: pack["notice"][0].update(topic="greeting"),
        "ke.toml: notice 1: topic: is not one of disclosure, do_not_call, sensitive, recording, other",
    ),
    "two lines": (
        lambda pack: pack["notice"][0].update(says="one\ntwo"),
        "ke.toml: notice 1: says: is not one line of 1 to 2000 characters",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line_that_names_the_key(case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(BadPolicy, match=f"^{re.escape(message)}$"):
        read(change)


def test_a_rule_whose_own_text_was_read_may_be_without_doubt() -> None:
    pack = read(lambda tables: tables["hours"].update(basis="law", source="an Act, s. 1", doubt=""))
    assert (pack.hours_grounds.basis, pack.hours_grounds.doubt) == (Basis.LAW, "")


def test_consent_need_not_lapse() -> None:
    assert read(lambda tables: tables.pop("consent_age")).consent.max_age is None
    assert read(lambda tables: None).consent.max_age == timedelta(days=365)


def test_a_day_that_was_gazetted_at_short_notice_is_added() -> None:
    extra = [{"date": date(2027, 8, 10), "name": "Gazette notice 1"}]
    pack = read(lambda tables: tables["holidays"].update(extra=extra))
    assert pack.holidays.name_of(date(2027, 8, 10)) == "Gazette notice 1"
    assert pack.holidays.name_of(date(2027, 8, 11)) == ""


def own(folder: Path, **changes: str) -> Path:
    """A folder with one pack: Kenya's, with some lines replaced."""
    text = (PACKAGED_POLICIES / "ke.toml").read_text("utf-8")
    for old, new in (('id = "ke-2026-11"', changes["id"]), ('saturday = ["09:00-13:00"]', changes["saturday"])):
        assert old in text
        text = text.replace(old, new)
    (folder / "ours.toml").write_text(text, "utf-8")
    return folder


def test_a_pack_of_ones_own_stands_beside_the_packaged_one(tmp_path: Path) -> None:
    found = policies_in(own(tmp_path, id='id = "ke-strict"', saturday="saturday = []"))
    assert [pack.policy_id for pack in found.of("KE")] == ["ke-strict", "ke-2026-11"]
    assert found.countries == ("GH", "KE", "NG", "UG")


def test_only_a_pack_that_says_so_takes_the_place_of_another(tmp_path: Path) -> None:
    found = policies_in(
        own(tmp_path, id='id = "ke-wide"\nreplaces = "ke-2026-11"', saturday='saturday = ["09:00-17:00"]')
    )
    assert [pack.policy_id for pack in found.of("KE")] == ["ke-wide"]


def test_packs_of_ones_own_lie_in_a_folder_beside_the_profiles(tmp_path: Path) -> None:
    assert policies_for(tmp_path) is packaged_policies()
    (tmp_path / "policy").mkdir()
    own(tmp_path / "policy", id='id = "ke-strict"', saturday="saturday = []")
    assert [pack.policy_id for pack in policies_for(tmp_path).of("KE")] == ["ke-strict", "ke-2026-11"]


@pytest.mark.parametrize("replaced", ["ke-2025-01", "ng-2026-11"])
def test_a_pack_cannot_replace_what_is_not_there(tmp_path: Path, replaced: str) -> None:
    folder = own(tmp_path, id=f'id = "ke-wide"\nreplaces = "{replaced}"', saturday="saturday = []")
    with pytest.raises(BadPolicy, match=f"replaces '{replaced}', which is no pack for KE that ships with Pokea"):
        policies_in(folder)


def test_two_packs_of_one_id_are_refused(tmp_path: Path) -> None:
    own(tmp_path, id='id = "ke-strict"', saturday="saturday = []")
    (tmp_path / "again.toml").write_text((tmp_path / "ours.toml").read_text("utf-8"), "utf-8")
    with pytest.raises(BadPolicy, match="ke-strict is the id of two packs"):
        policies_in(tmp_path)


def test_a_folder_or_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="is not a folder"):
        policies_in(tmp_path / "nothing")
    with pytest.raises(BadPolicy, match=r"ke\.toml: cannot be read"):
        load_policy(tmp_path / "ke.toml")
    (tmp_path / "ke.toml").write_text("id = ", "utf-8")
    with pytest.raises(BadPolicy, match=r"^ke\.toml: is not TOML"):
        load_policy(tmp_path / "ke.toml")
