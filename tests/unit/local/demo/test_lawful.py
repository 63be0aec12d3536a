"""The rules by which the demo's campaigns may call: any hour of any day, and nothing else loosened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.demo import lawful
from local.demo.businesses import Copy, write_copies
from local.demo.lawful import at_any_hour, write_rules
from pokea.campaigns import law
from pokea.campaigns.contact import Consent
from pokea.campaigns.country_policy import PACKAGED_POLICIES, packaged_policies, policies_for
from pokea.campaigns.definition import definition_of
from pokea.errors import Misuse
from pokea.phone_numbers import E164
from pokea.profile import load_profiles

NUMBER = E164("+254722000200")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # an ordinary Tuesday


@pytest.mark.parametrize(
    "now", [datetime(2026, 12, 25, 2, 0, tzinfo=UTC), datetime(2026, 11, 22, 23, 30, tzinfo=UTC), datetime.now(UTC)]
)
def test_somebody_may_be_rung_at_night_on_sundays_and_on_holidays(tmp_path: Path, now: datetime) -> None:
    copy = Copy(3, agent="leads")
    write_copies([copy], tmp_path)
    write_rules(tmp_path, now)
    (profile,) = load_profiles(tmp_path).values()
    tables = {"id": "demo", "business": profile.business_id, "name": "Demo"}
    campaign = definition_of(tables, "demo", {profile.business_id: profile}).campaign
    agreed = Consent("web form", "I agree to be called.", now - timedelta(days=3))
    facts = law.ContactFacts(number=NUMBER, zone="", consent=agreed, attempts=0, rung_at=(), due_at=now)
    assert law.verdict(facts, campaign, policies_for(tmp_path), now).when is law.When.NOW


def test_consent_and_caps_stay_as_the_packaged_rules_have_them(tmp_path: Path) -> None:
    write_copies([Copy(3, agent="leads")], tmp_path)
    (ours,) = (pack for pack in policies_for(tmp_path).packs if pack.country == "KE")
    (packaged,) = (pack for pack in packaged_policies().packs if pack.country == "KE")
    assert ours.replaces == packaged.policy_id
    assert (ours.consent, ours.attempts, ours.notices) == (packaged.consent, packaged.attempts, packaged.notices)


def test_rules_that_look_otherwise_are_refused_in_words() -> None:
    with pytest.raises(Misuse, match="look otherwise"):
        at_any_hour('id = "ke-2"\nmonday = ["08:00-18:00"]\n', NOW)


def test_a_day_that_is_a_holiday_in_every_calendar_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lawful, "_CALENDARS", ("KE", "CA"))
    packaged = (PACKAGED_POLICIES / "ke.toml").read_text(encoding="utf-8")
    with pytest.raises(Misuse, match="around 2026-12-25 all of KE, CA have a holiday"):
        at_any_hour(packaged, datetime(2026, 12, 25, 2, 0, tzinfo=UTC))
    assert 'calendar = "KE"' in at_any_hour(packaged, NOW)


def test_businesses_that_ring_nobody_unasked_need_no_rules(tmp_path: Path) -> None:
    write_copies([Copy(3, agent="booking")], tmp_path)
    assert not (tmp_path / "policy").exists()
