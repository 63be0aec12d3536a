"""F2.1 in virtual time: connections die in every state, of every death. The caller gets one booking and never waits in silence."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import pytest

from bridge.core.engines import GEMINI, OPENAI
from bridge.core.frames import AnswerTool, CallTool, EndReason, HangUp, Loss, ModelReady, OpenModel
from tests.faults.broken import silent_bridges
from tests.unit.bridge.rehearsal import MODEL_LEVEL, Death, Fates, Rehearsal, State

SILENCE_MS = 2_000 + 100  # our ear needs a pause to tell the end of what the caller says
SEEDS = (1, 2, 3)
CELLS = list(itertools.product(State, Death))
SAMPLE = [(state, death) for index, (state, death) in enumerate(CELLS) if index % 8 == 3]


def fates_of(state: State, death: Death) -> Fates:
    """The fates that bring a call to `state` on some connection, and kill that."""
    if state is State.RESUMING:
        return {1: (State.CALLER_SPEAKING, Death.RST), 2: (state, death)}
    if state is State.HANDLE_REFUSED:
        return {
            1: (State.CALLER_SPEAKING, Death.RST),
            2: (State.RESUMING, Death.CLOSE_1008),
            3: (state, death),
        }
    return {1: (state, death)}


def check(call: Rehearsal, until_ms: float = 0.0) -> None:
    """The laws of every rehearsal."""
    assert call.ended is not None, "the call never ended"
    assert len(call.all(HangUp)) == 1
    assert len(call.notes("last_resort")) <= 1
    # Once the end was asked for, the model has three seconds for its goodbye before a clip says it.
    waited = [gap for gap in call.silences(1_000, until_ms or call.leaving_ms) if gap[1] > SILENCE_MS]
    assert not waited, f"silence: {waited}"
    ran = Counter((order.name, str(order.arguments)) for order in call.all(CallTool) if order.name == "commitProposal")
    assert all(count == 1 for count in ran.values()), "a commit ran twice"
    answered = Counter(order.tool_call_id for order in call.all(AnswerTool))
    assert all(count == 1 for count in answered.values()), "a result was delivered twice"
    resumed = [order.setup.resume_handle for order in call.all(OpenModel) if order.setup.resume_handle]
    assert len(resumed) == len(set(resumed)), "a handle was resumed twice"
    assert call.bookings <= 1


def talking_again_ms(call: Rehearsal) -> float | None:
    """From the death, or from the end of what the caller was saying then, to the model's next words; None where nobody waited."""
    died_ms = call.died[-1][0]
    begin_ms = max([died_ms, *(end for begin, end, _ in call._spoken if begin <= died_ms < end + 1_000)])
    waits = any(begin <= died_ms < end + 1_500 for begin, end, _ in call._spoken)
    later = [at for at in call.sounds(MODEL_LEVEL) if at > begin_ms]
    return min(later) - begin_ms if waits and later else None


def rehearse(state: State, death: Death, seed: int) -> Rehearsal:
    call = Rehearsal(fates_of(state, death), seed)
    call.converse()
    assert call.died, "the connection outlived its fate"
    check(call)
    assert call.ended is not None
    assert (call.ended.reason, call.bookings) == (EndReason.GOODBYE, 1)
    return call


@pytest.mark.parametrize(("state", "death"), SAMPLE)
def test_a_sample_of_deaths_costs_the_caller_nothing(state: State, death: Death) -> None:
    rehearse(state, death, 1)


@pytest.mark.faults
def test_every_death_in_every_state_costs_the_caller_nothing() -> None:
    recoveries: list[float] = []
    for (state, death), seed in itertools.product(CELLS, SEEDS):
        try:
            call = rehearse(state, death, seed)
        except AssertionError as problem:
            raise AssertionError(f"{state} × {death}, seed {seed}: {problem}") from problem
        again_ms = talking_again_ms(call)
        if again_ms is not None and not death.is_silent:
            recoveries.append(again_ms)
    assert len(recoveries) > 100
    recoveries.sort()
    assert recoveries[int(len(recoveries) * 0.95)] <= 3_000, recoveries[-20:]


@pytest.mark.parametrize("loss", [Loss.NETWORK, Loss.OVERLOADED, Loss.REFUSED])
def test_another_kind_of_leg_takes_over_where_one_provider_is_gone(loss: Loss) -> None:
    call = Rehearsal(
        {1: (State.TOOL_ANSWERED, Death.RST)},
        engines=(GEMINI, OPENAI),
        down=lambda engine, now: loss if engine == "gemini" and now > 1_000 else None,
    )
    call.converse()
    check(call)
    assert call.bookings == 1
    assert [note["engine"] for note in call.notes("model_ready")] == ["gemini", "openai"]
    opened = [order.engine for order in call.all(OpenModel)]
    assert opened.count("gemini") == (3 if loss is Loss.NETWORK else 2)  # its first, its resumption, a fresh one
    assert opened[-1] == "openai"


def test_without_any_model_there_is_an_honest_exit_within_fifteen_seconds() -> None:
    call = Rehearsal(
        {1: (State.CALLER_SPEAKING, Death.RST)}, down=lambda engine, now: Loss.NETWORK if now > 500 else None
    )
    call.converse()
    check(call)
    assert call.ended is not None
    assert call.ended.reason is EndReason.MODEL_LOST
    assert call.now - call.died[0][0] <= 15_500  # the apology included
    assert call.notes("agent_said")[-1] == {"text": "Sorry, something went wrong.", "heard": True}


@pytest.mark.parametrize("state", [State.CALLER_SPEAKING, State.MODEL_SPEAKING, State.TOOL_ASKED, State.TOOL_ANSWERED])
def test_a_leg_that_dies_again_and_again_is_replaced_each_time(state: State) -> None:
    call = Rehearsal(dict.fromkeys((1, 2, 3), (state, Death.RST)), 5)
    call.converse()
    check(call)
    assert call.bookings == 1
    assert len(call.died) >= 2
    assert len(call.all(OpenModel)) >= 3


def test_a_link_that_is_not_awaited_is_dropped() -> None:
    call = Rehearsal()
    call.advance(500)
    call.legs[9] = call.legs[1]
    call.feed(ModelReady(9))
    assert call.session.legs.life.link == 1


# --- the same laws, broken -------------------------------------------------------------------------------------------------


def at_the_commit(state: State) -> Rehearsal:
    """A leg that dies when the booking itself is asked for, or has just been made."""
    call = Rehearsal({1: (state, Death.CLOSE_1008)}, 1, deadly_tool="commitProposal")
    call.converse()
    check(call)
    assert call.ended is not None
    assert (call.ended.reason, call.bookings) == (EndReason.GOODBYE, 1)
    assert Counter(order.name for order in call.all(CallTool)) == {
        "proposeBooking": 1,
        "commitProposal": 1,
        "endCall": 1,
    }
    return call


@pytest.mark.parametrize("state", [State.TOOL_ASKED, State.TOOL_ANSWERED])
def test_a_booking_whose_leg_dies_is_neither_lost_nor_made_again(state: State) -> None:
    call = at_the_commit(state)
    assert any("booked" in line["text"] for line in call.notes("agent_said"))


@pytest.mark.parametrize(
    ("broken", "story"),
    [
        (silent_bridges.no_filler, lambda: rehearse(State.READY, Death.STALL, 1)),
        (silent_bridges.no_ladder, lambda: rehearse(State.READY, Death.STALL, 1)),
        (silent_bridges.resumes_twice, lambda: rehearse(State.RESUMING, Death.RST, 1)),
        (silent_bridges.reruns_tools, lambda: at_the_commit(State.TOOL_ASKED)),
        (silent_bridges.forgets_facts, lambda: at_the_commit(State.TOOL_ANSWERED)),
        (silent_bridges.no_brief, lambda: at_the_commit(State.TOOL_ANSWERED)),
    ],
)
def test_a_bridge_without_its_safeguard_is_caught(
    broken: silent_bridges.Breaks, story: Callable[[], Rehearsal]
) -> None:
    story()
    with broken(), pytest.raises(AssertionError):
        story()
