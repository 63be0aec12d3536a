"""Fields and signature of the carrier's POSTs."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from local.carrier.hooks import LegFacts, event_body, labelled_url, sign, stream_fields, voice_fields

INBOUND = LegFacts(
    session_id="HD_0123456789ab",
    call_id="3e0ef7a8-0000-4000-8000-000000000001",
    direction="inbound",
    a_number="+254711000001",
    b_number="+254200000001",
)


def outbound(label: str) -> LegFacts:
    return LegFacts(
        session_id="HD_0123456789ab",
        call_id="3e0ef7a8-0000-4000-8000-000000000001",
        direction="outbound",
        a_number="+254200000001",
        b_number="+254711000001",
        client_request_id=label,
    )


def test_the_signature_covers_the_body_then_a_dot_then_the_time() -> None:
    body = b"sessionId=HD_1&callSessionState=Ringing"
    expected = hmac.new(b"whsec_1", body + b".1790000000", hashlib.sha256).hexdigest()
    assert sign("whsec_1", body, 1_790_000_000) == f"t=1790000000,v1={expected}"
    assert sign("whsec_1", body, 1_790_000_001) != sign("whsec_1", body, 1_790_000_000)


def test_a_known_signature_vector() -> None:
    assert sign("secret", b"a=1", 1) == "t=1,v1=" + hmac.new(b"secret", b"a=1.1", hashlib.sha256).hexdigest()


def test_swapped_numbers_put_the_own_number_where_the_caller_belongs() -> None:
    swapped = LegFacts(
        session_id=INBOUND.session_id,
        call_id=INBOUND.call_id,
        direction="inbound",
        a_number=INBOUND.a_number,
        b_number=INBOUND.b_number,
        swap_numbers=True,
    )
    fields = voice_fields(swapped, "Ringing", is_active=True)
    assert (fields["callerNumber"], fields["destinationNumber"]) == (INBOUND.b_number, INBOUND.a_number)


def test_a_placed_call_names_the_number_it_really_dialled_and_its_label() -> None:
    fields = voice_fields(outbound("attempt-1"), "Answered", is_active=True)
    assert fields["clientDialedNumber"] == "+254711000001"
    assert fields["clientRequestId"] == "attempt-1"
    assert fields["direction"] == "outbound"


@pytest.mark.parametrize("label", ["two words", "a,b", '{"a":1}', "it's"])
def test_a_label_with_blanks_commas_braces_or_quotes_is_not_carried(label: str) -> None:
    assert "clientRequestId" not in voice_fields(outbound(label), "Answered", is_active=True)


def test_the_label_is_appended_to_the_url_unless_that_makes_the_query_too_long() -> None:
    assert labelled_url("https://a/voice", "a+b") == "https://a/voice?clientRequestId=a%2Bb"
    assert labelled_url("https://a/voice?x=1", "a") == "https://a/voice?x=1&clientRequestId=a"
    assert labelled_url("https://a/voice", "+" * 700) == "https://a/voice"
    assert labelled_url("https://a/voice", "") == "https://a/voice"


def test_a_stream_status_repeats_the_leg_and_names_the_stream() -> None:
    fields = stream_fields(INBOUND, "stream-error", stream_id="ST_1", name="desk", reason="refused")
    assert fields["sessionId"] == INBOUND.session_id
    assert (fields["streamSid"], fields["streamEvent"]) == ("ST_1", "stream-error")
    assert (fields["callSessionState"], fields["name"], fields["reason"]) == ("StreamError", "desk", "refused")


def test_the_three_event_envelopes_hold_the_same_facts() -> None:
    made = {
        name: event_body(INBOUND, "call.completed", {"duration_seconds": 5}, event_id="evt_1", envelope=name)
        for name in "ABC"
    }
    assert made["A"]["data"] == made["B"]["payload"]
    assert made["C"].items() >= made["A"]["data"].items()
    assert (made["A"]["kind"], made["B"]["event_kind"]) == ("call.completed", "call.completed")
