"""The gate at the moment of dialling, one reason at a time; and what refusals mean."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.billing.wallet import Standing
from pokea.campaigns.briefing import MAX_FIELD_CHARS, context_of
from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.contact import Disposition
from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.gate import SPREAD_S, Dial, Look, Never, NotNow, Way, gate, spread
from pokea.campaigns.refusals import meaning_of
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, RejectedInput, Unavailable
from pokea.sautikit.attempts import MAX_CONTEXT_CHARS
from tests.contract.campaign_store_contract import AT, a_campaign, a_contact

CAMPAIGN = a_campaign()
TONIGHT = AT + timedelta(hours=12)


def look(**changes: Any) -> Look:
    made = Look(
        campaign=CAMPAIGN,
        contact=a_contact(CAMPAIGN),
        is_suppressed=False,
        is_own_line=False,
        rung_at=(),
        standing=Standing.OK,
        live=0,
        room=None,
        spent_micros=0,
        expected_micros=None,
    )
    return replace(made, **changes)


def passed(now: datetime = AT, **changes: Any) -> Way:
    return gate(look(**changes), packaged_policies(), now)


def test_whoever_nothing_speaks_against_is_rung() -> None:
    way = passed()
    assert isinstance(way, Dial) and way.packs
    assert isinstance(passed(standing=Standing.UNKNOWN), Dial)
    assert isinstance(passed(live=19), Dial) and isinstance(passed(room=1), Dial)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_suppressed": True}, "suppressed"),
        ({"is_own_line": True}, "own_line"),
        ({"campaign": replace(CAMPAIGN, state=CampaignState.CANCELLED)}, "cancelled"),
        ({"campaign": replace(CAMPAIGN, countries=frozenset({"UG"}))}, "not_in_campaign"),
        ({"campaign": replace(CAMPAIGN, ends_at=AT)}, "campaign_over"),
        ({"contact": a_contact(CAMPAIGN, attempts=9)}, "attempts"),
        ({"campaign": replace(CAMPAIGN, budget_micros=10)}, "no_price"),
    ],
)
def test_never(changes: dict[str, Any], reason: str) -> None:
    assert passed(**changes) == Never(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"campaign": replace(CAMPAIGN, state=CampaignState.PAUSED)}, "campaign_not_running"),
        ({"campaign": replace(CAMPAIGN, state=CampaignState.DRAFT)}, "campaign_not_running"),
        ({"contact": a_contact(CAMPAIGN, due_at=AT + timedelta(minutes=1))}, "not_due"),
        ({"standing": Standing.LOW}, "wallet_low"),
        ({"standing": Standing.EMPTY}, "wallet_low"),
        ({"live": 20}, "channels"),
        ({"room": 0}, "held_back"),
        ({"room": -3}, "held_back"),
    ],
)
def test_not_now(changes: dict[str, Any], reason: str) -> None:
    way = passed(**changes)
    assert isinstance(way, NotNow) and way.reason == reason and way.at > AT and not way.is_campaign


def test_the_law_is_asked_again_with_the_time_that_it_is_now() -> None:
    way = passed(now=TONIGHT)
    assert isinstance(way, NotNow) and way.reason == "hours" and way.at > TONIGHT
    rung = passed(rung_at=tuple(AT - timedelta(minutes=number) for number in range(9)))
    assert isinstance(rung, NotNow) and rung.reason in ("day_cap", "week_cap")


def test_calls_that_are_under_way_are_paid_for_before_another_one() -> None:
    campaign = replace(CAMPAIGN, budget_micros=1_000)
    assert isinstance(passed(campaign=campaign, expected_micros=100, spent_micros=700, live=2), Dial)
    waits = passed(campaign=campaign, expected_micros=100, spent_micros=701, live=2)
    assert isinstance(waits, NotNow) and waits.reason == "budget" and not waits.is_campaign
    over = passed(campaign=campaign, expected_micros=100, spent_micros=901)
    assert isinstance(over, NotNow) and over.is_campaign


def test_who_is_put_off_together_does_not_come_back_together() -> None:
    moments = {spread(AT, a_contact(CAMPAIGN, number)) for number in range(200)}
    assert len(moments) > 190
    assert all(AT <= moment < AT + timedelta(seconds=SPREAD_S) for moment in moments)


BLOCKED, FAILED = Disposition.BLOCKED, Disposition.FAILED
REFUSALS: list[tuple[CallError, str, Disposition | None, str]] = [
    (Denied("wallet.insufficient_funds"), "wallet_empty", None, "wallet_empty"),
    (Denied("api_key.invalid"), "api_key.invalid", None, "carrier_refuses"),
    (Denied("spend_cap"), "spend_cap", None, ""),
    (Denied("no_price"), "no_price", FAILED, ""),
    (RejectedInput("calls.invalid_to"), "calls.invalid_to", BLOCKED, ""),
    (RejectedInput("destination.blocked"), "destination.blocked", BLOCKED, ""),
    (RejectedInput("calls.invalid_callback"), "calls.invalid_callback", FAILED, "carrier_refuses"),
    (NotFound("calls.not_found"), "calls.not_found", FAILED, "carrier_refuses"),
    (Unavailable("rate_limited", retry_after_s=7), "carrier_busy", None, ""),
]


@pytest.mark.parametrize(("error", "reason", "ends", "pauses"), REFUSALS)
def test_what_a_refusal_means(error: CallError, reason: str, ends: Disposition | None, pauses: str) -> None:
    meaning = meaning_of(error, AT, TONIGHT)
    assert (meaning.reason, meaning.ends, meaning.pauses) == (reason, ends, pauses)
    assert (meaning.at is None) == (ends is not None)
    if isinstance(error, Unavailable):
        assert meaning.at == meaning.holds_until == AT + timedelta(seconds=7)
    if reason == "spend_cap":
        assert meaning.at == TONIGHT


@pytest.mark.parametrize("error", [Conflict("idempotency.conflict"), Indeterminate("carrier_unanswered")])
def test_what_settles_nothing_leaves_everything_open(error: CallError) -> None:
    meaning = meaning_of(error, AT, TONIGHT)
    assert meaning.at is None and meaning.ends is None and not meaning.pauses


def test_a_carrier_that_names_no_time_is_left_alone_for_a_second() -> None:
    assert meaning_of(Unavailable("x", retry_after_s=0), AT, TONIGHT).holds_until == AT + timedelta(seconds=1)


@settings(max_examples=30)
@given(
    st.text(max_size=300), st.dictionaries(st.text(min_size=1, max_size=30), st.text(max_size=2_000), max_size=12)
)  # fmt: skip
def test_a_briefing_is_never_too_long_for_a_call(name: str, columns: dict[str, str]) -> None:
    campaign = replace(CAMPAIGN, fields=tuple(columns))
    context = context_of(a_contact(campaign, name=name, fields=columns), campaign)
    assert len(json.dumps(context, sort_keys=True, separators=(",", ":"))) <= MAX_CONTEXT_CHARS
    told: Any = context["campaign"]
    assert all(columns[key][:MAX_FIELD_CHARS] == value for key, value in told["fields"].items())
    assert list(told["fields"]) == [key for key in columns if columns[key]][: len(told["fields"])]
