"""May this person be rung now, from when on, or never: the packaged packs, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pokea.campaigns.campaign import Campaign, Voicemail
from pokea.campaigns.contact import Consent, Contact, ContactState
from pokea.campaigns.country_policy import Policies, packaged_policies
from pokea.campaigns.law import ContactFacts, Reason, Verdict, When, facts_of, verdict
from pokea.errors import Misuse
from pokea.hours import Opening, OpeningHours
from pokea.ids import BusinessId
from pokea.phone_numbers import E164

AGREED_AT = datetime(2026, 11, 1, tzinfo=UTC)
ALWAYS = OpeningHours({weekday: (Opening(0, 1_440),) for weekday in range(7)})
WANJIKU = ContactFacts(
    number=E164("+254722000111"),
    zone="",
    consent=Consent("web form", "Pigieni simu kuhusu masomo", AGREED_AT),
    attempts=0,
    rung_at=(),
)
CAMPAIGN = Campaign(
    business_id=BusinessId("kilele"),
    campaign_id="open-days",
    name="Open days",
    agent="leads",
    from_number="+254709000000",
    countries=frozenset({"KE", "NG", "GH", "UG", "US"}),
    windows=ALWAYS,
    begins_at=None,
    ends_at=None,
    cps=1,
    channels=1,
    retries={},
    max_attempts=10,
    voicemail=Voicemail.HANG_UP,
    budget_micros=None,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def asked(
    now: str, facts: ContactFacts = WANJIKU, policies: Policies | None = None, **campaign: Any
) -> tuple[When, datetime | None, Reason]:
    found = said(now, facts, policies, **campaign)
    return found.when, found.at, found.reason


def said(now: str, facts: ContactFacts = WANJIKU, policies: Policies | None = None, **campaign: Any) -> Verdict:
    return verdict(facts, replace(CAMPAIGN, **campaign), policies or packaged_policies(), at(now))


def later(text: str, reason: Reason) -> tuple[When, datetime, Reason]:
    return When.LATER, at(text), reason


def never(reason: Reason) -> tuple[When, None, Reason]:
    return When.NEVER, None, reason


NOW = (When.NOW, None, Reason.LAWFUL)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23T08:00:00+03:00", NOW),  # a Monday
        ("2026-11-23T18:59:59.999999+03:00", NOW),
        ("2026-11-23T07:59:59.999999+03:00", later("2026-11-23T08:00+03:00", Reason.HOURS)),
        ("2026-11-23T19:00:00+03:00", later("2026-11-24T08:00+03:00", Reason.HOURS)),
        (
            "2026-11-20T19:00:00+03:00",
            later("2026-11-21T09:00+03:00", Reason.HOURS),
        ),  # Friday evening: Saturday at nine
        ("2026-11-21T13:00:00+03:00", later("2026-11-23T08:00+03:00", Reason.HOURS)),  # Saturday at one: Monday
        ("2026-11-22T11:00:00+03:00", later("2026-11-23T08:00+03:00", Reason.HOURS)),  # Sunday
        ("2026-12-12T10:00:00+03:00", later("2026-12-14T08:00+03:00", Reason.HOLIDAY)),  # Jamhuri Day, a Saturday
        ("2026-12-24T19:30:00+03:00", later("2026-12-28T08:00+03:00", Reason.HOURS)),  # Christmas, Boxing Day, Sunday
        ("2028-02-29T08:00:00+03:00", NOW),
    ],
)
def test_kenyan_hours(now: str, expected: tuple[When, datetime | None, Reason]) -> None:
    facts = replace(WANJIKU, consent=Consent("web form", "yes", at(now)))
    assert asked(now, facts) == expected


def test_an_hour_is_one_on_the_contacts_own_clock() -> None:
    in_lagos = replace(WANJIKU, number=E164("+2348031234567"))
    assert asked("2026-11-23T08:30+03:00", in_lagos) == later("2026-11-23T08:00+01:00", Reason.HOURS)
    abroad = replace(WANJIKU, zone="America/New_York")
    assert asked("2026-11-23T08:30+03:00", abroad) == later("2026-11-23T08:00-05:00", Reason.HOURS)


def test_the_sentence_says_what_the_contacts_clock_shows() -> None:
    assert said("2026-11-22T11:00+03:00").says == (
        "Sunday 2026-11-22 11:00 (+03:00, Africa/Nairobi): outside the hours for calls to KE; "
        "calls are allowed from Monday 2026-11-23 08:00 (+03:00, Africa/Nairobi)"
    )
    assert said("2026-12-25T11:00+03:00").says.startswith("2026-12-25 is a holiday (Christmas Day); calls are")
    assert said("2026-11-23T11:00+03:00").says == "Monday 2026-11-23 11:00 (+03:00, Africa/Nairobi): calls are allowed"


def test_the_packs_that_were_asked_are_named() -> None:
    assert said("2026-11-23T11:00+03:00").packs == ("ke-2026-11",)


def test_an_estimated_feast_closes_the_days_about_it() -> None:
    facts = replace(WANJIKU, consent=Consent("web form", "yes", at("2027-03-01T00:00Z")))
    assert "a day next to Eid al-Fitr (estimated)" in said("2027-03-08T10:00+03:00", facts).says
    assert asked("2027-03-08T10:00+03:00", facts) == later("2027-03-11T08:00+03:00", Reason.HOLIDAY)


def test_a_country_without_a_pack_is_not_rung() -> None:
    assert asked("2026-11-23T11:00Z", replace(WANJIKU, number=E164("+255712345678"))) == never(Reason.COUNTRY)
    # Jamaica and the United States share a calling code and no law.
    assert asked("2026-11-23T17:00Z", replace(WANJIKU, number=E164("+18762101234"))) == never(Reason.COUNTRY)


@pytest.mark.parametrize("number", ["+25410000", "+999123456789"])
def test_a_number_that_was_never_given_out_is_not_rung(number: str) -> None:
    assert asked("2026-11-23T11:00+03:00", replace(WANJIKU, number=E164(number))) == never(Reason.NUMBER)


def test_a_country_that_the_campaign_does_not_name_is_not_rung() -> None:
    assert asked("2026-11-23T11:00+03:00", countries=frozenset({"NG"})) == never(Reason.NOT_IN_CAMPAIGN)


@pytest.mark.parametrize(
    "zone", ["Nairobi", "Africa", "+03:00", "Factory", "right/Africa/Nairobi", " ", "../../etc/hosts"]
)
def test_a_zone_that_nobody_knows_is_not_guessed(zone: str) -> None:
    found = said("2026-11-23T11:00+03:00", replace(WANJIKU, zone=zone))
    assert (found.when, found.reason) == (When.NEVER, Reason.ZONE)
    assert repr(zone) in found.says


def test_a_toll_free_number_waits_until_it_is_lawful_in_every_zone_that_it_may_be_in() -> None:
    kenya = packaged_policies().of("KE")[0]
    everywhere = Policies((replace(kenya, policy_id="us", country="US"),))
    in_new_york = replace(WANJIKU, number=E164("+12125550123"))
    toll_free = replace(WANJIKU, number=E164("+18005550123"))
    assert asked("2026-11-23T08:00-05:00", in_new_york, everywhere) == NOW
    # One half hour of the day serves them all: eight on Tuesday in Guam is half past six on Monday evening in Newfoundland.
    assert asked("2026-11-23T08:00-05:00", toll_free, everywhere) == later("2026-11-24T08:00+10:00", Reason.HOURS)
    assert asked("2026-11-23T18:59-03:30", toll_free, everywhere) == NOW
    assert asked("2026-11-23T19:00-03:30", toll_free, everywhere) == later("2026-11-25T08:00+10:00", Reason.HOURS)
    anywhere_in_australia = replace(WANJIKU, number=E164("+611800123456"))
    australia = Policies((replace(kenya, policy_id="au", country="AU"),))
    assert asked("2026-11-23T08:00+11:00", anywhere_in_australia, australia, countries=frozenset({"AU"})) == later(
        "2026-11-23T08:00+06:30", Reason.HOURS
    )  # the Cocos Islands get up last


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        (None, Reason.NO_CONSENT),
        (Consent("", "call me", AGREED_AT), Reason.NO_CONSENT),
        (Consent("web form", " \t", AGREED_AT), Reason.NO_CONSENT),
        (Consent("web form", "call me", at("2026-11-23T08:00:01Z")), Reason.CONSENT_FROM_FUTURE),
        (Consent("web form", "call me", at("2025-11-23T08:00Z")), Reason.CONSENT_TOO_OLD),
    ],
)
def test_consent_without_its_proof_is_none(consent: Consent | None, reason: Reason) -> None:
    assert asked("2026-11-23T08:00Z", replace(WANJIKU, consent=consent)) == never(reason)


def test_consent_that_lapses_before_the_next_lawful_hour_is_too_old() -> None:
    a_year_ago = Consent("web form", "call me", at("2025-11-23T08:00+03:00"))  # it lapses on Monday at eight
    facts = replace(WANJIKU, consent=a_year_ago)
    assert asked("2026-11-21T12:59+03:00", facts) == NOW
    assert asked("2026-11-21T13:00+03:00", facts) == never(Reason.CONSENT_TOO_OLD)
    in_time = replace(a_year_ago, at=a_year_ago.at + timedelta.resolution)
    assert asked("2026-11-21T13:00+03:00", replace(facts, consent=in_time)) == later(
        "2026-11-23T08:00+03:00", Reason.HOURS
    )


@pytest.mark.parametrize(
    ("source", "is_written"),
    [
        ("web form", True),
        ("Paper-Form, Accra shop", True),
        ("signup_form_2026", True),
        ("WhatsApp", True),
        ("phone call", False),
        ("call, noted on a form", False),
        ("the fair", False),
    ],
)
def test_ghana_asks_for_written_consent(source: str, is_written: bool) -> None:
    ama = replace(WANJIKU, number=E164("+233244123456"), consent=Consent(source, "call me", AGREED_AT))
    assert asked("2026-11-23T10:00Z", ama) == (NOW if is_written else never(Reason.CONSENT_NOT_WRITTEN))


def test_the_campaigns_own_hours_hold_on_top() -> None:
    afternoons = OpeningHours(
        {weekday: (Opening(14 * 60, 20 * 60),) for weekday in range(5)}, frozenset({date(2026, 11, 24)})
    )
    assert asked("2026-11-23T10:00+03:00", windows=afternoons) == later("2026-11-23T14:00+03:00", Reason.CAMPAIGN_HOURS)
    assert asked("2026-11-23T18:59+03:00", windows=afternoons) == NOW
    assert asked("2026-11-23T19:30+03:00", windows=afternoons) == later("2026-11-25T14:00+03:00", Reason.HOURS)
    assert asked("2026-11-23T10:00+03:00", windows=OpeningHours({})) == never(Reason.NO_LAWFUL_HOUR)


def test_a_campaign_begins_and_ends() -> None:
    assert asked("2026-11-23T10:00+03:00", begins_at=at("2026-11-24T06:00+03:00")) == later(
        "2026-11-24T08:00+03:00", Reason.NOT_BEGUN
    )
    assert asked("2026-11-23T10:00+03:00", ends_at=at("2026-11-23T10:00+03:00")) == never(Reason.CAMPAIGN_OVER)
    assert asked("2026-11-21T13:00+03:00", ends_at=at("2026-11-23T08:00+03:00")) == never(Reason.NO_LAWFUL_HOUR)
    assert asked("2026-11-21T13:00+03:00", ends_at=at("2026-11-23T08:01+03:00"))[0] is When.LATER
    assert (
        "before the campaign ends at 2026-11-23T05:00Z"
        in said("2026-11-21T13:00+03:00", ends_at=at("2026-11-23T08:00+03:00")).says
    )


def test_a_campaign_that_begins_in_a_year_is_not_given_up() -> None:
    facts = replace(WANJIKU, consent=Consent("web form", "call me", at("2026-11-22T00:00Z")))
    assert asked("2026-11-23T10:00+03:00", facts, begins_at=at("2027-11-01T00:00+03:00")) == later(
        "2027-11-01T08:00+03:00", Reason.NOT_BEGUN
    )


def test_a_retry_waits_for_its_time_and_then_for_a_lawful_hour() -> None:
    busy = replace(WANJIKU, due_at=at("2026-11-23T18:50+03:00"))
    assert asked("2026-11-23T18:20+03:00", busy) == later("2026-11-23T18:50+03:00", Reason.NOT_DUE)
    too_late = replace(WANJIKU, due_at=at("2026-11-23T19:20+03:00"))
    assert asked("2026-11-23T18:20+03:00", too_late) == later("2026-11-24T08:00+03:00", Reason.NOT_DUE)


def test_nobody_is_rung_more_often_than_the_caps_allow() -> None:
    twice = replace(WANJIKU, rung_at=(at("2026-11-23T08:10+03:00"), at("2026-11-23T09:10+03:00")))
    assert asked("2026-11-23T12:00+03:00", twice) == later("2026-11-24T08:00+03:00", Reason.DAY_CAP)
    four = replace(WANJIKU, rung_at=tuple(at(f"2026-11-{day}T09:00+03:00") for day in (17, 18, 20, 23)))
    assert asked("2026-11-23T12:00+03:00", four) == later("2026-11-24T08:00+03:00", Reason.WEEK_CAP)
    assert asked("2026-11-23T12:00+03:00", replace(WANJIKU, attempts=6)) == never(Reason.ATTEMPTS)
    assert asked("2026-11-23T12:00+03:00", replace(WANJIKU, attempts=1), max_attempts=1) == never(Reason.ATTEMPTS)


def test_a_day_of_attempts_is_one_of_the_contacts_own() -> None:
    # In Honolulu it is still Monday, when in Nairobi it is Tuesday at noon.
    in_honolulu = replace(
        WANJIKU, zone="Pacific/Honolulu", rung_at=(at("2026-11-23T10:00-10:00"), at("2026-11-23T11:00-10:00"))
    )
    assert asked("2026-11-23T12:00-10:00", in_honolulu) == later("2026-11-24T08:00-10:00", Reason.DAY_CAP)


def test_an_attempt_that_a_fast_clock_dated_tomorrow_counts_today() -> None:
    ahead = replace(WANJIKU, rung_at=(at("2026-11-24T00:02+03:00"), at("2026-11-23T18:00+03:00")))
    assert asked("2026-11-23T18:30+03:00", ahead) == later("2026-11-24T08:00+03:00", Reason.DAY_CAP)
    far_ahead = replace(WANJIKU, rung_at=(at("2026-11-24T00:02+03:00"),) * 2)
    assert asked("2026-11-23T18:30+03:00", far_ahead) == later("2026-11-25T08:00+03:00", Reason.DAY_CAP)


def test_hours_across_the_change_of_clocks() -> None:
    nights = OpeningHours({weekday: (Opening(90, 150),) for weekday in range(7)})  # 01:30 to 02:30
    kenya = packaged_policies().of("KE")[0]
    always_open = Policies((replace(kenya, hours=ALWAYS, holidays=replace(kenya.holidays, categories=("hindu",))),))
    abroad = replace(WANJIKU, zone="Europe/Berlin", consent=Consent("form", "yes", at("2027-03-01T00:00Z")))

    def night(now: str) -> tuple[When, datetime | None, Reason]:
        return asked(now, abroad, always_open, windows=nights)

    # 28 March 2027: 02:00 becomes 03:00, so the opening lasts half an hour.
    assert night("2027-03-28T01:59+01:00") == NOW
    assert night("2027-03-28T03:00+02:00") == later("2027-03-29T01:30+02:00", Reason.CAMPAIGN_HOURS)
    # 31 October 2027: 03:00 becomes 02:00, and from 02:00 to 02:30 the clock shows the opening twice.
    assert night("2027-10-31T02:29+02:00") == NOW
    assert night("2027-10-31T02:30+02:00") == later("2027-10-31T02:00+01:00", Reason.CAMPAIGN_HOURS)
    assert night("2027-10-31T02:29+01:00") == NOW
    assert night("2027-10-31T02:30+01:00") == later("2027-11-01T01:30+01:00", Reason.CAMPAIGN_HOURS)


def test_openings_that_touch_are_one() -> None:
    halves = OpeningHours({weekday: (Opening(600, 720), Opening(720, 780)) for weekday in range(7)})
    assert asked("2026-11-23T12:00+03:00", windows=halves) == NOW
    midnight = OpeningHours({0: (Opening(1_380, 1_440),), 1: (Opening(0, 60),)})
    kenya = packaged_policies().of("KE")[0]
    always_open = Policies((replace(kenya, hours=ALWAYS),))
    assert asked("2026-11-24T00:00+03:00", policies=always_open, windows=midnight) == NOW
    assert asked("2026-11-23T23:59:59+03:00", policies=always_open, windows=midnight) == NOW


def test_a_time_without_a_zone_is_our_bug() -> None:
    with pytest.raises(Misuse, match="names no instant"):
        verdict(WANJIKU, CAMPAIGN, packaged_policies(), datetime(2026, 11, 23, 11))


def test_dates_run_out_without_a_crash() -> None:
    assert asked("2026-11-23T10:00Z", replace(WANJIKU, due_at=datetime.max.replace(tzinfo=UTC)))[0] is When.NEVER
    assert asked("2026-11-23T10:00Z", replace(WANJIKU, due_at=at("2150-06-01T10:00Z")))[0] is When.NEVER


def test_the_facts_of_a_contact() -> None:
    rung_at = (at("2026-11-20T10:00Z"),)
    contact = Contact(
        business_id=BusinessId("kilele"),
        campaign_id="open-days",
        contact_id="c1",
        number=WANJIKU.number,
        name="Wanjiku",
        language="sw",
        zone="Africa/Nairobi",
        consent=Consent("web form", "yes", AGREED_AT),
        state=ContactState.WAITING,
        due_at=AGREED_AT,
        attempts=1,
    )
    facts = facts_of(contact, rung_at)
    assert (facts.number, facts.zone, facts.consent) == (contact.number, contact.zone, contact.consent)
    assert (facts.attempts, facts.rung_at, facts.due_at) == (1, rung_at, AGREED_AT)
