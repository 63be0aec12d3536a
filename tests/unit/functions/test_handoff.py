"""functions/tools, operation handoff: what the two bridges of a hand-off may ask, and what they are told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.errors import Indeterminate
from pokea.ids import SessionId
from pokea.sautikit.labels import attempt_session
from pokea.transfer import HANDOFF, OVER, HandoffState, attempt_of
from tests.support.control_plane import CALLER, LINE, NOW, PATH_SECRET, SESSION, ControlPlane, opened
from tests.support.handed_over import FRONT_DESK, HUMAN, RELAY, HandOver
from tests.support.sizes import examples

MONDAY_NOON = NOW  # 12:00 in Nairobi: the front desk is there


@pytest.fixture
def over() -> HandOver:
    return HandOver()


def test_a_hand_off_rings_the_human_once_and_tells_the_bridge_to_wait(over: HandOver) -> None:
    result = over.hand_over()
    assert result["payload"]["status"] == "connecting"
    assert "the front desk" in result["payload"]["say"]
    assert over.order["mode"] == "attended"
    assert (over.order["ring_s"], over.order["answer_s"], bool(over.order["hop"])) == (25, 65, True)
    (call,) = over.plane.rung
    assert (call["from"], call["to"]) == (LINE.number, [str(FRONT_DESK.number)])
    assert call["voice_callback_url"] == f"https://api.example.com/voice/{PATH_SECRET}"
    attempt = over.plane.calls.call(attempt_session(call["client_request_id"]))
    assert attempt is not None and attempt.session_id == attempt_of(over.stored)
    assert (attempt.agent, json.loads(attempt.open_metadata)) == ("whisper", {"handoff": over.order["handoff_id"]})


def test_the_same_tool_call_again_rings_nobody_and_gives_the_same_order(over: HandOver) -> None:
    first = over.hand_over()
    assert over.hand_over() == first
    assert len(over.plane.rung) == 1


def test_a_hand_off_whose_begin_was_cut_short_is_begun_when_it_is_asked_for_again() -> None:
    """The record was written and its answer lost: nobody had been rung yet."""
    plane = ControlPlane()
    over = HandOver(plane)
    apply, lost = plane.bookings.apply, []

    def losing(change: Any) -> None:
        apply(change)
        if not lost and any(stored.kind is HANDOFF for stored in change.records):
            lost.append(change)
            raise Indeterminate("store_unanswered")

    plane.bookings.apply = losing  # type: ignore[method-assign]
    reply: Any = plane.tools(over.tool_request("handOver", over.token, reason="x"), None)
    assert (reply["error"]["kind"], plane.rung) == ("Indeterminate", [])
    assert over.hand_over()["payload"]["status"] == "connecting"
    assert len(plane.rung) == 1


def test_another_tool_call_meanwhile_rings_nobody(over: HandOver) -> None:
    over.hand_over()
    order = over.order
    again = over.hand_over("t2", reason="in other words")
    assert again["payload"]["status"] == "connecting"
    assert over.order == order  # a bridge that follows it already rings nobody else; one that does not, follows it
    assert len(over.plane.rung) == 1


def test_somebody_whom_nobody_cancelled_is_given_up_when_another_is_asked_for(over: HandOver) -> None:
    over.hand_over()
    over.hook("Ringing")
    over.plane.clock.advance(300)
    first = over.order["handoff_id"]
    again = over.hand_over("t2")
    assert again["payload"]["status"] == "connecting"
    assert over.order["handoff_id"] != first
    states = {handoff.handoff_id: handoff.state for handoff in over.plane.bookings.all_records(HANDOFF)}
    assert states == {first: HandoffState.NO_ANSWER, over.order["handoff_id"]: HandoffState.PLACING}


def test_a_person_who_said_yes_and_was_never_joined_is_given_up_in_the_end(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    over.plane.clock.advance(300)
    assert over.hand_over("t2")["payload"]["status"] == "connecting"
    states = {handoff.state for handoff in over.plane.bookings.all_records(HANDOFF)}
    assert states == {HandoffState.FAILED, HandoffState.PLACING}


@pytest.mark.parametrize("how_far", ["placed", "rings", "briefing", "accepted"])
def test_a_caller_who_goes_leaves_nobody_ringing(over: HandOver, how_far: str) -> None:
    """The bridge may know of no hand-off: the caller hung up before the tool had answered."""
    over.hand_over()
    if how_far == "rings":
        over.hook("Ringing")
    elif how_far in ("briefing", "accepted"):
        over.pick_up()
    if how_far == "accepted":
        over.state("accept", over.human_token)
    assert over.plane.tools(close_request(over.token, "caller_hung_up"), None)["ok"]  # type: ignore[index]
    assert over.stored.state is HandoffState.CANCELLED
    assert "hangup" in over.plane.asked[-1].url.path


def test_the_end_of_the_persons_own_leg_abandons_nothing(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    asked = len(over.plane.asked)
    over.plane.tools(close_request(over.human_token, "caller_hung_up"), None)
    assert (over.stored.state, len(over.plane.asked)) == (HandoffState.ACCEPTED, asked)


def test_a_hand_off_that_begins_after_its_call_has_ended_rings_nobody(over: HandOver) -> None:
    over.plane.tools(close_request(over.token, "caller_hung_up"), None)
    assert over.hand_over()["payload"]["status"] == "failed"
    assert over.plane.rung == []


def test_a_carrier_that_fails_at_the_end_keeps_no_close_from_being_done(over: HandOver) -> None:
    over.hand_over()
    over.plane.answers = [httpx.ReadTimeout("late")]
    assert over.plane.tools(close_request(over.token, "caller_hung_up"), None)["ok"]  # type: ignore[index]
    assert over.stored.state is HandoffState.CANCELLED
    assert over.plane.closings.closing(SESSION) is not None


def test_a_cancel_that_crosses_a_yes_hangs_up_nobody(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    asked = len(over.plane.asked)
    assert over.state("cancel") == "accepted"
    assert over.state("joined") == "joined"
    assert over.state("cancel") == "joined"
    assert len(over.plane.asked) == asked


def test_the_human_hears_the_brief_and_their_bridge_learns_where_the_caller_is(over: HandOver) -> None:
    over.hand_over()
    order = over.order
    context = over.pick_up()["context"]
    assert context["agent"] == "whisper"
    assert context["handoff"] == {"id": order["handoff_id"], "owner_url": RELAY, "hop": order["hop"]}
    assert "a broken tooth" in context["greeting"]
    assert "Press 1" in context["greeting"]
    assert [tool["name"] for tool in context["tools"]] == ["acceptCall", "declineCall"]
    assert CALLER not in str(context)
    assert over.state() == "briefing"


def test_the_states_of_a_hand_off_that_succeeds(over: HandOver) -> None:
    over.hand_over()
    seen = [over.state()]
    over.hook("Ringing")
    seen.append(over.state())
    over.pick_up()
    seen.append(over.state())
    seen.append(over.state("briefing", over.human_token))
    seen.append(over.state("accept", over.human_token))
    seen.append(over.state("joined"))
    seen.append(over.state("ended"))
    assert seen == ["ringing", "ringing", "briefing", "briefing", "accepted", "joined", "ended"]


def test_a_declined_hand_off_gives_the_agent_words_and_a_way_on(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    assert over.state("decline", over.human_token) == "declined"
    result = over.ask("status")["result"]
    assert result["payload"]["status"] == "declined"
    assert "the front desk cannot take your call" in result["payload"]["say"]
    assert result["payload"]["then"] == {
        "expect": "yes_no",
        "yes": {"tool": "proposeMessage", "arguments": {"department": "front_desk"}},
        "no": None,
    }


@pytest.mark.parametrize(
    ("hook", "state"),
    [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed"), ("Completed", "no_answer")],
)
def test_a_leg_that_nobody_picks_up_is_learnt_from_its_hooks(over: HandOver, hook: str, state: str) -> None:
    over.hand_over()
    over.hook(hook)
    result = over.ask("status")["result"]
    assert (result["state"], result["payload"]["status"]) == (state, state)
    assert result["payload"]["say"].endswith("?")


def test_a_human_who_hangs_up_during_the_brief_has_declined(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.hook("Completed")
    assert over.state() == "declined"


def test_a_human_who_hangs_up_between_accepting_and_the_join_gives_the_caller_back(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    over.hook("Completed")
    assert over.ask("status")["result"]["payload"]["status"] == "failed"


def test_a_telephone_that_rings_on_is_given_up_and_hung_up(over: HandOver) -> None:
    over.hand_over()
    over.hook("Ringing")
    over.plane.clock.advance(25 + 5)
    assert over.state() == "no_answer"
    assert over.plane.asked[-1].url.path.endswith(f"/{HUMAN}/hangup") or "hangup" in over.plane.asked[-1].url.path


def test_a_human_who_never_answers_the_brief_is_given_up(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.plane.clock.advance(25 + 5)
    assert over.state() == "briefing"
    over.plane.clock.advance(40)
    assert over.state() == "no_answer"


def test_cancel_hangs_up_the_human_and_says_so_to_one_who_accepts_too_late(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    assert over.state("cancel") == "cancelled"
    assert "hangup" in over.plane.asked[-1].url.path
    late = over.ask("accept", over.human_token)["result"]
    assert late["state"] == "cancelled"
    assert "no longer on the line" in late["payload"]["say"]


def test_a_human_who_picks_up_after_the_caller_has_gone_is_told_and_let_go(over: HandOver) -> None:
    over.hand_over()
    over.plane.ring("Completed")  # the caller's own call
    context = over.pick_up()["context"]
    assert context["handoff"] is None
    assert "no longer on the line" in context["greeting"]
    assert context["limits"]["max_call_s"] == 10
    assert over.stored.state is HandoffState.CANCELLED


def test_a_carrier_that_refuses_is_told_to_the_caller_and_leaves_no_order(over: HandOver) -> None:
    over.plane.answers = [httpx.Response(402, json={"error": {"code": "wallet.insufficient_funds", "message": "x"}})]
    result = over.hand_over()
    assert result["handoff"] is None
    assert result["payload"]["status"] == "failed"
    assert over.stored.state is HandoffState.FAILED
    assert over.hand_over()["payload"] == result["payload"]
    assert len(over.plane.rung) == 1


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("late"), httpx.Response(500)])
def test_a_carrier_that_does_not_answer_is_not_asked_again_and_its_hooks_settle_it(
    over: HandOver, lost: httpx.Response | Exception
) -> None:
    over.plane.answers = [lost]
    assert over.hand_over()["payload"]["status"] == "connecting"
    assert over.state() == "placing"
    over.hand_over()
    assert len(over.plane.rung) == 1
    over.pick_up()
    assert over.state() == "briefing"


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (httpx.Response(401), "failed"), (httpx.Response(403), "failed"), (httpx.Response(404), "failed"),
        (httpx.Response(409), "failed"), (httpx.Response(429), "failed"), (httpx.Response(422), "failed"),
        (httpx.ConnectError("no route"), "failed"), (httpx.Response(502), "connecting"),
    ],
)  # fmt: skip
def test_every_answer_of_the_carrier_has_an_answer_for_the_caller(
    over: HandOver, refused: httpx.Response | Exception, kind: str
) -> None:
    over.plane.answers = [refused]
    assert over.hand_over()["payload"]["status"] == kind


def test_only_three_hand_offs_are_tried_in_a_call(over: HandOver) -> None:
    for number in range(4):
        over.plane.answers = [httpx.Response(403)]
        last = over.hand_over(f"t{number}")
    assert last["payload"]["status"] == "refused"
    assert len(over.plane.rung) == 3


@pytest.mark.parametrize("asked", ["status", "cancel", "accept", "decline", "briefing", "joined", "ended"])
def test_another_call_has_no_part_in_a_hand_off(over: HandOver, asked: str) -> None:
    """S11: the call token of another call of the same business."""
    over.hand_over()
    other = SessionId("HD_ffffffffffff")
    document = over.plane.ring(sessionId=other, callerNumber="+254700000009")
    token = opened(over.plane, document, other)["result"]["call_token"]
    before = over.stored
    reply = over.ask(asked, token)
    assert (reply["ok"], reply["error"]["kind"], reply["error"]["code"]) == (False, "Unauthorized", "not_your_handoff")
    assert over.stored == before


@pytest.mark.parametrize("asked", ["accept", "decline", "briefing"])
def test_a_caller_cannot_accept_for_the_human(over: HandOver, asked: str) -> None:
    over.hand_over()
    assert over.ask(asked)["error"]["kind"] == "Unauthorized"
    assert over.stored.state is HandoffState.PLACING


@pytest.mark.parametrize("asked", ["status", "cancel", "joined"])
def test_a_human_cannot_speak_for_the_caller(over: HandOver, asked: str) -> None:
    over.hand_over()
    over.pick_up()
    assert over.ask(asked, over.human_token)["error"]["kind"] == "Unauthorized"


def test_an_expired_and_a_forged_token_are_refused(over: HandOver) -> None:
    over.hand_over()
    assert over.ask("status", over.token[:-2] + "AA")["error"]["kind"] == "Unauthorized"
    over.plane.clock.advance(900 + 3_600 + 120)  # the longest call, the longest conversation after it, and the close
    assert over.ask("status")["error"]["code"] == "token_expired"


def test_the_token_of_a_call_lasts_as_long_as_a_conversation_with_a_person_may(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    over.state("joined")
    over.plane.clock.advance(900 + 3_600)
    assert over.state("ended") == "ended"


def test_an_unknown_hand_off_is_refused_in_the_same_words(over: HandOver) -> None:
    over.hand_over()
    assert over.ask("status", handoff_id="0" * 24)["error"]["code"] == "not_your_handoff"


@pytest.mark.parametrize("changes", [{"asked": "pay"}, {"handoff_id": "../x"}, {"number": "+252900"}])
def test_a_handoff_request_with_anything_undeclared_is_refused(over: HandOver, changes: dict[str, str]) -> None:
    over.hand_over()
    request = {"operation": "handoff", "call_token": over.token, "handoff_id": "0" * 24, "asked": "status", **changes}
    reply = over.plane.tools(request, None)
    assert reply["error"]["kind"] == "RejectedInput"  # type: ignore[index]


def test_a_call_that_only_says_it_is_a_whisper_call_gets_no_brief(over: HandOver) -> None:
    """The agent's name and the hand-off's id are not enough: the carrier must have placed the call for this very hand-off."""
    from dataclasses import replace

    over.hand_over()
    other = SessionId("HD_eeeeeeeeeeee")
    document = over.plane.ring(sessionId=other)
    call = over.plane.calls.call(other)
    assert call is not None
    metadata = json.dumps({"handoff": over.order["handoff_id"]})
    over.plane.calls.put_call(replace(call, agent="whisper", open_metadata=metadata))
    result = opened(over.plane, document, other)["result"]
    assert result["context"]["handoff"] is None
    assert "a broken tooth" not in str(result)
    assert over.ask("accept", result["call_token"])["error"]["kind"] == "Unauthorized"


def test_what_the_call_knows_survives_the_hand_off(over: HandOver) -> None:
    over.tool("listAppointments", name="Zawadi Mwangaza")
    request = over.tool_request("handOver", over.token, "t9", reason="wants to complain")
    request["last_turns"] = [["caller", "I want a person"], ["agent", "One moment"]]
    over.plane.tools(request, None)
    (handoff,) = over.plane.bookings.all_records(HANDOFF)
    assert (handoff.caller_name, handoff.caller_number, handoff.reason) == (
        "Zawadi Mwangaza", CALLER, "wants to complain",
    )  # fmt: skip
    assert handoff.tried[0].startswith("List appointments")
    assert handoff.last_turns == (("caller", "I want a person"), ("agent", "One moment"))


def test_what_a_tool_was_asked_with_is_never_kept(over: HandOver) -> None:
    over.tool("listAppointments", name="Zawadi Mwangaza")
    over.hand_over()
    assert "Zawadi" not in " ".join(over.stored.tried)


def test_out_of_hours_nobody_is_rung_and_a_message_is_offered() -> None:
    plane = ControlPlane()
    plane.clock.advance(timedelta(hours=9).total_seconds())  # 21:00 in Nairobi
    over = HandOver(plane)
    result = over.hand_over()
    assert result["payload"]["status"] == "closed"
    assert result["payload"]["then"]["yes"]["tool"] == "proposeMessage"
    assert (result["handoff"], plane.rung) == (None, [])


def test_the_owner_s_row_keeps_where_its_bridge_is_reached(over: HandOver) -> None:
    call = over.plane.calls.call(SESSION)
    assert call is not None and call.relay == RELAY


def close_request(token: str, reason: str, **more: object) -> dict[str, object]:
    said = [{"who": "caller", "text": "Hi", "at_ms": 900}]
    return {
        "operation": "close", "call_token": token, "reason": reason, "duration_ms": 9_000, "transcript": said, **more,
    }  # fmt: skip


def test_a_caller_who_lost_the_person_in_mid_conversation_is_owed_a_call_back(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    over.state("joined")
    for token in (over.token, over.human_token):
        over.plane.tools(close_request(token, "bridge_error", handoff=over.order["handoff_id"]), None)
    (task,) = over.plane.callbacks.tasks.values()
    assert (task.session_id, task.number, task.reason) == (SESSION, CALLER, "bridge_error")


def test_a_handed_over_call_that_ends_leaves_an_ended_hand_off(over: HandOver) -> None:
    over.hand_over()
    over.pick_up()
    over.state("accept", over.human_token)
    over.state("joined")
    over.plane.tools(close_request(over.token, "handed_over", handoff=over.order["handoff_id"]), None)
    assert over.state("ended") == "ended"
    assert over.plane.callbacks.tasks == {}


STEPS = ("rings", "picks up", "leaves", "waits", "status", "cancel", "accept", "decline", "briefing", "joined", "ended")


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=10))
def test_reports_in_any_order_ring_once_and_never_bring_an_ended_hand_off_back(steps: list[str]) -> None:
    over = HandOver()
    over.hand_over()
    was_over = None
    for step in steps:
        if step == "rings":
            over.hook("Ringing")
        elif step == "picks up":
            if not over.human_token and "<Stream" in over.hook("Answered"):
                over.pick_up()
        elif step == "leaves":
            over.hook("Completed")
        elif step == "waits":
            over.plane.clock.advance(20)
        else:
            is_human = step in ("accept", "decline", "briefing")
            if is_human and not over.human_token:
                continue
            assert over.ask(step, over.human_token if is_human else over.token)["ok"]
        if was_over is not None:
            assert over.stored.state is was_over
        was_over = over.stored.state if over.stored.state in OVER else None
    assert len(over.plane.rung) == 1
