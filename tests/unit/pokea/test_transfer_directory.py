"""The directory: whom a caller can be handed to, and which numbers may be rung at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pokea.dial_policy import DialPolicy, NotAllowed
from pokea.directory import Absence, Absent, Directory, HandoffRules, Person, looping, resolve
from pokea.hours import Opening, OpeningHours
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.profile import BadProfile, load_profile

KENYA = DialPolicy(frozenset({"KE"}))
DAY = OpeningHours({day: (Opening(480, 1020),) for day in range(5)})
ALWAYS = OpeningHours({day: (Opening(0, 1440),) for day in range(7)})
NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # Monday, 12:00 in Nairobi
EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CLINIC = (PACKAGED / "whitedent.toml").read_text()


def a_person(key: str, hours: OpeningHours = DAY, fallback: str = "", number: str = "+254711000101") -> Person:
    names = {"en": (f"the {key}", f"{key} team"), "sw": (f"idara ya {key}",)}
    return Person(key=key, names=names, number=E164(number), hours=hours, languages=("en",), fallback=fallback)


def a_directory(*people: Person, default: str = "") -> Directory:
    return Directory(
        people={person.key: person for person in people},
        rules=HandoffRules(default=default or people[0].key),
        policy=KENYA,
        zone="Africa/Nairobi",
    )


def test_whoever_is_there_is_rung() -> None:
    sales = a_person("sales")
    assert resolve(a_directory(sales), "sales", NOON) is sales


def test_nobody_of_that_key_is_unknown() -> None:
    assert resolve(a_directory(a_person("sales")), "+254711000101", NOON) == Absent(Absence.UNKNOWN)


def test_after_hours_somebody_else_stands_in_or_nobody_is_there() -> None:
    sales, night = a_person("sales", fallback="night"), a_person("night", ALWAYS)
    assert resolve(a_directory(sales, night), "sales", EVENING) is night
    assert resolve(a_directory(replace(sales, fallback="")), "sales", EVENING) == Absent(
        Absence.CLOSED, replace(sales, fallback="")
    )


def test_fallbacks_that_bite_their_tail_end() -> None:
    one, two = a_person("one", fallback="two"), a_person("two", fallback="one")
    assert resolve(a_directory(one, two), "one", EVENING) == Absent(Absence.CLOSED, one)
    assert looping({"one": "two", "two": "one"}) == "one"
    assert looping({"one": "two", "two": "three", "three": ""}) is None


def test_a_number_that_the_policy_forbids_is_not_rung_even_from_the_directory() -> None:
    odd = a_person("odd", number="+252612345678")
    assert resolve(a_directory(odd), "odd", NOON) == Absent(Absence.NOT_ALLOWED, odd)
    assert resolve(a_directory(replace(odd, fallback="sales"), a_person("sales")), "odd", NOON) == a_person("sales")


@pytest.mark.parametrize("said", ["sales", "the sales", "please, the Sales!", "sales team", "idara ya sales"])
def test_callers_own_words_name_a_person(said: str) -> None:
    found = a_directory(a_person("sales"), a_person("billing")).find(said)
    assert found is not None and found.key == "sales"


@pytest.mark.parametrize(
    "said", ["+254900223456", "nine zero zero", "salesman", "everybody", "sales and billing", "{}", "'; --", "sale s"]
)
def test_what_names_nobody_or_several_finds_nobody(said: str) -> None:
    assert a_directory(a_person("sales"), a_person("billing")).find(said) is None


def test_a_longer_name_is_not_also_the_shorter_one_inside_it() -> None:
    directory = a_directory(a_person("sales"), a_person("sales_support"))
    longer = replace(directory.people["sales_support"], names={"en": ("sales support",)})
    directory = replace(directory, people={**directory.people, "sales_support": longer})
    found = directory.find("sales support, please")
    assert found is longer


def test_no_words_mean_the_usual_person() -> None:
    people = a_person("sales"), a_person("billing")
    assert a_directory(*people, default="billing").find("") is people[1]
    assert Directory().find("") is None


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("+254711000101", None), ("+254202000001", None),
        ("+254900223456", NotAllowed.KIND), ("+254800221000", NotAllowed.KIND),
        ("+252612345678", NotAllowed.COUNTRY), ("+25779561234", NotAllowed.COUNTRY), ("+37121234567", NotAllowed.COUNTRY),
        ("+18762101234", NotAllowed.COUNTRY), ("+12642351234", NotAllowed.COUNTRY), ("+870301234567", NotAllowed.COUNTRY),
        ("+881612345678", NotAllowed.COUNTRY), ("+8823421234", NotAllowed.COUNTRY), ("+447012345678", NotAllowed.COUNTRY),
        ("+25471", NotAllowed.INVALID), ("+254000000000", NotAllowed.INVALID), ("911", NotAllowed.INVALID),
        ("", NotAllowed.INVALID), ("+254711000101;ext=5", NotAllowed.INVALID), ("+254 711 000 101", NotAllowed.INVALID),
    ],
)  # fmt: skip
def test_only_ordinary_numbers_of_allowed_countries_may_be_rung(number: str, problem: NotAllowed | None) -> None:
    assert KENYA.problem_with(number) is problem


@pytest.mark.parametrize("number", ["+18762101234", "+12642351234", "+447012345678", "+14165550123"])
def test_countries_that_share_a_calling_code_are_told_apart(number: str) -> None:
    assert DialPolicy(frozenset({"US", "GB"})).problem_with(number) is not None


def test_an_empty_policy_allows_nothing() -> None:
    assert DialPolicy().problem_with("+254711000101") is NotAllowed.COUNTRY


def test_the_packaged_clinic_has_a_front_desk_with_its_own_hours() -> None:
    directory = load_profile(PACKAGED / "whitedent.toml").directory
    assert directory.rules.default == "front_desk"
    assert directory.policy == KENYA
    assert isinstance(resolve(directory, "front_desk", NOON), Person)


PERSON = 'number = "+254711000101"\nnames.en = ["the front desk", "front desk", "reception"]'


SWAHILI = 'names.sw = ["mapokezi"]'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"+254711000101"', '"0711000101"', "directory.front_desk.number: '0711000101' is not a telephone number in E.164"),
        ('"+254711000101"', '"+254900223456"', "directory.front_desk.number: +254900223456 is not an ordinary fixed or mobile"),
        ('"+254711000101"', '"+252612345678"', "directory.front_desk.number: +252612345678 lies in a country that"),
        ('"+254711000101"', '"+254000000000"', "directory.front_desk.number: +254000000000 is not a telephone number that exists"),
        ('"+254711000101"', '"+254711000001"', "directory.front_desk.number: is the business's own line"),
        (SWAHILI, "", "directory.front_desk.names.sw: is missing"),
        (SWAHILI, f'{SWAHILI}\nfallback = "nobody"', "directory.front_desk.fallback: 'nobody' is not a key"),
        (SWAHILI, f'{SWAHILI}\nfallback = "front_desk"', "directory.front_desk.fallback: leads back"),
        (SWAHILI, f'{SWAHILI}\nnotify_url = "http://x"', "directory.front_desk.notify_url: must be an https URL"),
        (SWAHILI, f'{SWAHILI}\ntelephone = "1"', "directory.front_desk.telephone: extra inputs are not permitted"),
        (SWAHILI, f'{SWAHILI}\nlanguages = ["fr"]', "directory.front_desk.languages.0: 'fr' is not one of en, sw"),
        ("[booking]", '[handoff]\nmode = "blind"\n[booking]', "handoff.mode: input should be 'attended' or 'dial'"),
        ("[booking]", '[handoff]\ndefault = "boss"\n[booking]', "handoff.default: 'boss' is not a key of the directory"),
        ("[booking]", "[handoff]\nring_s = 600\n[booking]", "handoff.ring_s: input should be less than or equal to 60"),
        ("[booking]", '[handoff]\ncountries = ["Kenya"]\n[booking]', "handoff.countries.0: string should match pattern"),
        ("[booking]", '[directory.boss]\nnumber = "+254711000102"\nnames.en = ["reception"]\nnames.sw = ["bosi"]\n[booking]',
         "directory.boss.names: 'reception' is already a name of front_desk"),
    ],
)  # fmt: skip
def test_a_directory_that_cannot_be_used_is_one_line_that_names_the_key(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in CLINIC
    (tmp_path / "clinic.toml").write_text(CLINIC.replace(old, new, 1))
    with pytest.raises(BadProfile) as caught:
        load_profile(tmp_path / "clinic.toml")
    assert caught.value.message.startswith(f"clinic.toml: {complaint}")
    assert "\n" not in caught.value.message


def test_somebody_without_hours_in_a_business_without_hours_is_refused(tmp_path: Path) -> None:
    text = CLINIC[: CLINIC.index("[hours]")] + CLINIC[CLINIC.index("[directory.front_desk]") :]
    text = text[: text.index("[directory.front_desk.hours]")] + text[text.index("[booking]") :]
    (tmp_path / "clinic.toml").write_text(text)
    with pytest.raises(BadProfile, match=r"directory\.front_desk\.hours: is missing"):
        load_profile(tmp_path / "clinic.toml")
