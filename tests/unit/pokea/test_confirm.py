from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea import confirm
from pokea.confirm import Code, Commit, Proposal, ProposalState, Refusal, Repeat, decide
from pokea.identity import Caller
from pokea.ids import BusinessId, Nonce, SessionId, ToolCallId
from pokea.toolkit import CallerTurn, Evidence, Level, ReadBack, ToolCall

T0 = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
CALLER = Caller(SessionId("HD_1"), BusinessId("clinic"), None, Level.ANONYMOUS, "en")
ARGUMENTS = {"action": "book", "service": "cleaning", "starts_at": "2026-11-26T14:30", "name": "Amina"}
PROPOSAL = Proposal(
    nonce=Nonce("n1"),
    session_id=SessionId("HD_1"),
    business_id=BusinessId("clinic"),
    action="book",
    arguments=ARGUMENTS,
    read_back="Shall I book it?",
    proposed_at=T0,
    version=1,
)
HEARD = ReadBack(Nonce("n1"), started_at_ms=1_000, generated_ms=5_000, heard_ms=5_000, finished_at_ms=6_000)
YES = CallerTurn(6_400, 7_000)


def commit(
    *,
    at_ms: int = 8_000,
    read_back: ReadBack | None = HEARD,
    turns: tuple[CallerTurn, ...] = (YES,),
    **arguments: object,
) -> ToolCall:
    given = {"nonce": "n1", "arguments": dict(ARGUMENTS), **arguments}
    return ToolCall(ToolCallId("t1"), "commitProposal", given, Evidence(at_ms, read_back, turns))


def verdict(call: ToolCall, proposal: Proposal | None = PROPOSAL, seconds: float = 10) -> Commit | Repeat | Refusal:
    return decide(proposal, call, CALLER, T0 + timedelta(seconds=seconds))


def refused(code: Code, proposal: Proposal | None = PROPOSAL) -> Refusal:
    return Refusal(code, proposal)


def test_heard_and_answered_is_committed() -> None:
    assert verdict(commit()) == Commit(PROPOSAL)


def test_an_unknown_nonce_is_refused() -> None:
    assert verdict(commit(), None) == refused(Code.NONCE_UNKNOWN, None)


@pytest.mark.parametrize(
    "theirs", [{"session_id": SessionId("HD_2")}, {"business_id": BusinessId("other")}, {"nonce": Nonce("n2")}]
)
def test_the_nonce_of_another_call_or_business_is_unknown(theirs: dict[str, str]) -> None:
    assert verdict(commit(), replace(PROPOSAL, **theirs)) == refused(Code.NONCE_UNKNOWN, None)  # type: ignore[arg-type]


def test_the_same_tool_call_asked_again_gets_its_outcome_even_late() -> None:
    done = confirm.used(PROPOSAL, ToolCallId("t1"), "A1")
    assert verdict(commit(), done, seconds=500) == Repeat(done)


def test_another_tool_call_finds_the_nonce_used() -> None:
    done = confirm.used(PROPOSAL, ToolCallId("t0"), "A1")
    assert verdict(commit(), done) == refused(Code.NONCE_USED, done)


def test_a_void_proposal_is_old() -> None:
    void = confirm.voided(PROPOSAL)
    assert verdict(commit(), void) == refused(Code.NONCE_OLD, void)


def test_a_proposal_lives_for_ninety_seconds() -> None:
    assert verdict(commit(), seconds=89.999) == Commit(PROPOSAL)
    assert verdict(commit(), seconds=90) == refused(Code.NONCE_OLD)


def test_a_renewed_proposal_lives_for_ninety_seconds_more() -> None:
    renewed = confirm.renewed(PROPOSAL, T0 + timedelta(seconds=80))
    assert verdict(commit(), renewed, seconds=169) == Commit(renewed)
    assert verdict(commit(), renewed, seconds=170) == refused(Code.NONCE_OLD, renewed)
    assert renewed.state is ProposalState.OPEN


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "book",
        {},
        {**ARGUMENTS, "name": "Brian"},
        {**ARGUMENTS, "starts_at": "2026-11-26T14:45"},
        {**ARGUMENTS, "extra": ""},
        {key: value for key, value in ARGUMENTS.items() if key != "name"},
    ],
)
def test_changed_arguments_are_refused(given: object) -> None:
    assert verdict(commit(arguments=given)) == refused(Code.CHANGED)


def test_a_value_of_another_type_is_a_changed_value() -> None:
    proposal = replace(PROPOSAL, arguments={"count": 1})
    assert verdict(commit(arguments={"count": True}), proposal) == refused(Code.CHANGED, proposal)
    assert verdict(commit(arguments={"count": 1.0}), proposal) == refused(Code.CHANGED, proposal)


@pytest.mark.parametrize(
    "read_back",
    [
        None,
        replace(HEARD, nonce=Nonce("n0")),
        replace(HEARD, finished_at_ms=None),
        replace(HEARD, started_at_ms=None),
        replace(HEARD, heard_ms=4_980),
        replace(HEARD, generated_ms=0, heard_ms=0),
        replace(HEARD, finished_at_ms=900),
    ],
)
def test_a_read_back_that_was_not_heard_to_the_end_is_refused(read_back: ReadBack | None) -> None:
    assert verdict(commit(read_back=read_back)) == refused(Code.NOT_HEARD)


def test_playback_cut_at_each_hundred_milliseconds_commits_nothing() -> None:
    for heard_ms in range(0, HEARD.generated_ms, 100):
        cut = replace(HEARD, heard_ms=heard_ms, finished_at_ms=None)
        assert verdict(commit(read_back=cut)) == refused(Code.NOT_HEARD)


@pytest.mark.parametrize(
    "turns",
    [
        (),
        (CallerTurn(5_999, 7_000),),  # began while the read-back was still being heard
        (CallerTurn(6_400, None),),  # still speaking
        (CallerTurn(6_400, 8_001),),  # ended after the commit was asked for
        (CallerTurn(2_000, 3_000), CallerTurn(6_400, None)),
    ],
)
def test_without_an_answer_after_the_read_back_nothing_is_committed(turns: tuple[CallerTurn, ...]) -> None:
    assert verdict(commit(turns=turns)) == refused(Code.NOT_ANSWERED)


@pytest.mark.parametrize("turn", [CallerTurn(6_000, 6_300), CallerTurn(7_000, 8_000)])
def test_an_answer_may_touch_the_bounds(turn: CallerTurn) -> None:
    assert verdict(commit(turns=(CallerTurn(100, 900), turn))) == Commit(PROPOSAL)


def test_the_order_of_refusals_tells_nothing_about_other_calls() -> None:
    theirs = replace(PROPOSAL, session_id=SessionId("HD_2"), state=ProposalState.USED, used_by=ToolCallId("t1"))
    assert verdict(commit(arguments=None), theirs, seconds=500) == refused(Code.NONCE_UNKNOWN, None)
