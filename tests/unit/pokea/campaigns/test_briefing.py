"""What a campaign's call carries of its campaign, read back from whatever stands there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.campaigns.briefing import MAX_FIELD_CHARS, MAX_FIELDS, Briefed, briefed_of, context_of
from pokea.campaigns.campaign import Voicemail
from tests.support.settled import CAMPAIGN, waiting

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=6),
    max_leaves=12,
)


def test_what_the_dialer_writes_the_tools_read() -> None:
    campaign = replace(CAMPAIGN, voicemail=Voicemail.MESSAGE, reps=3, fields=("car", "town"))
    contact = waiting(campaign=campaign, fields={"car": "Vitz", "town": "Nakuru", "secret": "x"})
    assert briefed_of(context_of(contact, campaign)) == Briefed(
        campaign_id="open-days",
        contact_id=contact.contact_id,
        name="Wanjiku Kamau",
        language="sw",
        fields={"car": "Vitz", "town": "Nakuru"},
        voicemail=Voicemail.MESSAGE,
        reps=3,
    )


@pytest.mark.parametrize(
    "context", [{}, {"campaign": None}, {"campaign": "spring"}, {"campaign": []}, {"campaign": {}}]
)
def test_a_call_without_a_campaign_is_of_none(context: dict[str, object]) -> None:
    assert briefed_of(context) is None


@pytest.mark.parametrize("reps", [None, "3", 2.5, True, -1])
def test_a_number_of_people_that_is_none_puts_nobody_through(reps: object) -> None:
    found = briefed_of({"campaign": {"id": "spring", "reps": reps, "voicemail": "shout"}})
    assert found is not None and (found.reps, found.voicemail) == (0, Voicemail.HANG_UP)


@given(st.dictionaries(st.sampled_from(["id", "contact", "name", "language", "fields", "reps", "voicemail"]), JSON))
def test_whatever_stands_there_is_read_within_bounds(named: dict[str, Any]) -> None:
    found = briefed_of({"campaign": named})
    if found is not None:
        assert len(found.fields) <= MAX_FIELDS and found.reps >= 0
        assert all(len(text) <= MAX_FIELD_CHARS for pair in found.fields.items() for text in pair)
