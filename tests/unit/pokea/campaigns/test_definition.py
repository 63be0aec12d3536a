"""CAMPAIGN.toml: what it may say, what it means where it says nothing, and one line for each mistake."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pokea.campaigns import schedule_expression
from pokea.campaigns.campaign import CampaignState, Retry, Voicemail
from pokea.campaigns.contact import Disposition
from pokea.campaigns.definition import BadCampaign, definition_of, load_definition
from tests.support.contact_lists import definition, profiles

EXAMPLE = Path(__file__).resolve().parents[4] / "docs" / "examples" / "campaign.toml"


def test_the_example_in_the_docs_is_a_campaign() -> None:
    read = load_definition(EXAMPLE, profiles())
    campaign = read.campaign
    assert (campaign.campaign_id, campaign.business_id, campaign.agent) == ("year-end-2026", "mizani", "leads")
    assert campaign.from_number == "+254711000004"
    assert campaign.countries == {"KE", "UG"} and read.country == "KE"
    assert campaign.begins_at == datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert campaign.budget_micros == 5_000_000_000
    assert campaign.retries[Disposition.BUSY] == Retry(15, 3)
    assert Disposition.SILENCE not in campaign.retries
    assert not campaign.windows.is_open_at(date(2026, 12, 11), 600)
    assert campaign.windows.is_open_at(date(2026, 11, 23), 600) and not campaign.windows.is_open_at(
        date(2026, 11, 23), 800
    )
    assert read.columns["phone"] == "Mobile no." and read.fields == ("plan", "amount_due")


def test_three_keys_are_enough() -> None:
    read = definition()
    campaign = read.campaign
    assert campaign.agent == "leads"
    assert campaign.from_number == "+254711000004"  # the line of the profile
    assert campaign.countries == {"KE"} and read.zone == "Africa/Nairobi" and read.languages == ("en", "sw")
    assert (campaign.cps, campaign.channels, campaign.max_attempts, campaign.reps) == (1, 5, 3, 0)
    assert campaign.voicemail is Voicemail.HANG_UP
    assert campaign.budget_micros is None and campaign.begins_at is None and campaign.ends_at is None
    assert campaign.state is CampaignState.DRAFT
    assert read.fields is None
    assert all(campaign.windows.is_open_at(date(2026, 11, day), minute) for day in range(1, 8) for minute in (0, 1439))


def test_no_retry_comes_after_a_final_end_whatever_is_set() -> None:
    final = {"hot", "warm", "cold", "answered", "fax", "blocked", "opted_out", "unknown"}
    assert not final & set(definition().campaign.retries)
    for name in final:
        with pytest.raises(BadCampaign, match=f"retries.{name}: is not one of"):
            definition(retries={name: {"after_min": 10, "attempts": 2}})


def test_the_usual_retries_never_exceed_the_attempts_of_a_person() -> None:
    retries = definition(max_attempts=2).campaign.retries
    assert {rule.attempts for rule in retries.values()} == {2}
    assert definition(max_attempts=1).campaign.retries == {}


def test_the_same_keys_as_json_mean_the_same() -> None:
    tables = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    spoken = {**tables, "begins": "2026-11-23T08:00:00+03:00", "ends": "2026-12-18T14:00:00Z"}
    spoken["windows"] = {**tables["windows"], "closed_days": ["2026-12-11"]}
    assert definition_of(spoken, "body", profiles()) == definition_of(tables, "file", profiles())


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"id": "Year End"}, "id: "),
        ({"business": "nobody"}, "business: 'nobody' is not one of"),
        ({"name": ""}, "name: "),
        ({"name": "a\nb"}, "name: must be words that can be spoken"),
        ({"agent": "poet"}, "agent: 'poet' is not one of"),
        ({"agent": "whisper"}, "agent: 'whisper' is not one of"),
        ({"business": "kasi"}, "agent: kasi is not ready for leads: "),
        ({"from": "0711000004"}, "from: is not a telephone number in E.164 form"),
        ({"countries": []}, "countries: "),
        ({"countries": ["Kenya"]}, "countries.0: "),
        ({"begins": "tomorrow"}, "begins: must be a date and time with its offset"),
        ({"begins": datetime(2026, 11, 23, 8)}, "begins: must be a date and time with its offset"),
        ({"begins": "2026-12-01T00:00:00Z", "ends": "2026-12-01T00:00:00Z"}, "ends: is not after begins"),
        ({"cps": 0}, "cps: "),
        ({"cps": 1.5}, "cps: "),
        ({"channels": 0}, "channels: "),
        ({"chanels": 3}, "chanels: is no key of a campaign; did you mean channels?"),
        ({"colour": "red"}, "colour: is no key of a campaign"),
        ({"max_attempts": 11}, "max_attempts: "),
        ({"retries": {"busy": {"after_min": 0, "attempts": 2}}}, "retries.busy.after_min: "),
        (
            {"retries": {"busy": {"after_min": 9, "attempts": 4}}},
            "retries.busy.attempts: is more than max_attempts (3)",
        ),
        ({"retries": {"tired": {"after_min": 9, "attempts": 2}}}, "retries.tired: is not one of busy"),
        ({"business": "boda", "agent": "dispatch"}, "agent: dispatch has no words for why it calls and how to stop it"),
        ({"voicemail": "sing"}, "voicemail: must be one of hang_up, message"),
        ({"budget": 5000}, "budget: is a number: write amounts as text"),
        ({"budget": "0"}, "budget: must be more than 0"),
        ({"budget": "5,000"}, "budget: not a decimal amount"),
        ({"reps": -1}, "reps: "),
        ({"schedule": "every day"}, "schedule: must be at("),
        ({"schedule": "cron(0 9 * * * *)"}, "schedule: one of the two days"),
        ({"webhook": "http://crm.example.com"}, "webhook: must be an https URL"),
        ({"webhook": "http://127.0.0.1.example.com/"}, "webhook: must be an https URL"),
        ({"webhook": "https://user:secret@crm.example.com/"}, "webhook: must be an https URL"),
        ({"webhook": "https://crm.example.com/a b"}, "webhook: must be an https URL"),
        ({"columns": {"Phone!": "x"}}, "columns.Phone!: "),
        ({"columns": {"phone": " "}}, "columns.phone: must be the name of a column"),
        ({"fields": ["plan", "plan"]}, "fields: names a field twice"),
        ({"fields": ["Plan"]}, "fields.0: "),
        ({"windows": {}}, "windows: leaves no time to call"),
        ({"windows": {"monday": ["17:00-08:00"]}}, "windows.monday: "),
        ({"windows": {"monday": ["08:00-17:00"], "closed_days": ["soon"]}}, "windows.closed_days.0: must be a date"),
        ({"speed": "fast"}, "speed: "),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(keys: dict[str, object], problem: str) -> None:
    with pytest.raises(BadCampaign) as refused:
        definition(**keys)
    message = refused.value.message
    assert message.startswith(f"campaign.toml: {problem}") and "\n" not in message


def test_a_file_that_is_no_toml_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("id = ", encoding="utf-8")
    with pytest.raises(BadCampaign, match=r"c\.toml: is not TOML"):
        load_definition(file, profiles())
    with pytest.raises(BadCampaign, match="cannot be read"):
        load_definition(tmp_path / "none.toml", profiles())


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "at(2026-11-23T08:00:00)",
        "rate(1 day)",
        "rate(90 minutes)",
        "cron(0 9 ? * MON-FRI *)",
        "cron(0/15 8-17 ? * 2-6 2026-2027)",
        "cron(0 9 1,15 * ? *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 15W * ? *)",
        "cron(30 14 ? JAN,jul 6#3 *)",
        "cron(*/10 * ? * 6L *)",
    ],
)
def test_what_the_scheduler_takes_is_taken(expression: str) -> None:
    assert schedule_expression.problem_with(expression) == ""


@pytest.mark.parametrize(
    "expression",
    [
        "at(2026-02-30T08:00:00)",
        "at(2026-11-23T08:00:00Z)",
        "at(2026-11-23)",
        "rate(0 days)",
        "rate(1 week)",
        "rate(-1 day)",
        "cron(0 9 * * *)",
        "cron(60 9 ? * MON *)",
        "cron(0 24 ? * MON *)",
        "cron(0 9 32 * ? *)",
        "cron(0 9 ? 13 MON *)",
        "cron(0 9 ? * FUN *)",
        "cron(0 9 ? * ? *)",
        "cron(0 9 1 * MON *)",
        "cron(0 9 ? * FRI-MON *)",
        "cron(0 9 ? * MON 1969)",
        "cron(0 9 ? * MON *))",
        "cron(0/0 9 ? * MON *)",
        "cron(, 9 ? * MON *)",
        "cron(٣ 9 ? * MON *)",
        "tomorrow",
    ],
)
def test_what_the_scheduler_refuses_is_refused_here(expression: str) -> None:
    assert schedule_expression.problem_with(expression)
