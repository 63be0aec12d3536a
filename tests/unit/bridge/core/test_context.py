"""The context of the open operation is read strictly, with neutral defaults for what is absent."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.context import VOICEMAIL, AnswerPolicy, CallContext, Owner, lines_of, parse_context, parse_owner
from pokea.errors import RejectedInput
from pokea.toolkit import Effect, ToolSpec


def test_nothing_given_is_a_call_that_just_talks() -> None:
    assert parse_context({}) == CallContext(phrases=dict.fromkeys(parse_context({}).phrases, ""))


def test_tools_come_with_their_effects() -> None:
    spec = ToolSpec("commitProposal", "d", {"type": "object"}, Effect.COMMIT)
    context = parse_context({"tools": [spec.to_json()], "limits": {"max_call_s": 60}, "stream": {"rate_hz": 8_000}})
    assert context.effects == {"commitProposal": Effect.COMMIT}
    assert context.tools[0].parameters == {"type": "object"}
    assert (context.max_call_ms, context.rate_hz) == (60_000, 8_000)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"greeting": 5}, "greeting"),
        ({"phrases": ["x"]}, "phrases"),
        ({"tools": {"a": 1}}, "tools"),
        ({"tools": [{"description": "nameless"}]}, "tools"),
        ({"tools": [{"name": "f", "effect": "explode"}]}, "tools"),
        ({"stream": {"rate_hz": 44_100}}, "stream.rate_hz"),
        ({"stream": {"track": "outbound_track"}}, "stream.track"),
        ({"limits": {"max_call_s": 0}}, "limits.max_call_s"),
        ({"answering": "hang_up"}, "answering"),
        ({"answering": {"voicemail": "message", "message": 5}}, "message"),
    ],
)
def test_what_is_malformed_is_named(value: dict[str, Any], named: str) -> None:
    with pytest.raises(RejectedInput, match=named):
        parse_context(value)


def test_a_persons_leg_is_told_by_its_hand_off_and_the_proof_stays_out_of_the_context() -> None:
    block = {"handoff": {"id": "h1", "owner_url": "ws://10.0.0.7:41000", "hop": "secret-hop"}}
    context = parse_context(block)
    assert context.handoff_id == "h1"
    assert "secret-hop" not in repr(context)
    assert parse_owner(block) == Owner("ws://10.0.0.7:41000", "secret-hop")


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ({}, None),
        ({"answering": None}, None),
        ({"answering": {}}, AnswerPolicy()),
        ({"answering": {"voicemail": "hang_up", "message": ""}}, AnswerPolicy()),
        ({"answering": {"voicemail": "hang_up", "message": "ignored"}}, AnswerPolicy()),
        ({"answering": {"voicemail": "message", "message": "Call us."}}, AnswerPolicy("Call us.")),
        ({"answering": {"voicemail": "a later rule", "message": "x"}}, AnswerPolicy()),
    ],
)
def test_a_placed_call_says_what_a_machine_is_left(value: dict[str, Any], policy: AnswerPolicy | None) -> None:
    context = parse_context(value)
    assert context.answering == policy
    assert lines_of(context).get(VOICEMAIL) == (None if policy is None else policy.message)


@pytest.mark.parametrize("block", [{}, {"handoff": None}, {"handoff": {}}])
def test_an_ordinary_call_has_no_owner(block: dict[str, Any]) -> None:
    assert parse_context(block).handoff_id == ""
    assert parse_owner(block) is None
