"""Whole calls over real sockets, with a scripted model, a raw switch and a tools function behind Lambda Invoke."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from bridge.core.frames import EndCall
from bridge.core.session import CallSession, SessionSettings
from bridge.shell.call_task import Call
from bridge.shell.handoff_desk import HandoffDesk
from bridge.shell.render import render_clip
from bridge.shell.socket_link import SocketLink
from local.live_server import LiveServer, LiveSession
from local.model import Stage, obedient, scripted, tone
from pokea.billing.usage import Meter, shares_from_json, usage_from_json
from pokea.errors import Unavailable
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    FakeTools,
    is_sound,
    ok,
    running_bridge,
    switch_call,
    until,
    write_clip,
)

pytestmark = pytest.mark.usefixtures("each_stack")
WISH = {"service": "cleaning", "when": "friday", "name": "Jane"}


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


def greeted(folder: Path) -> None:
    write_clip(folder / "clips", "Kore", str(CONTEXT["greeting"]), 600)


async def test_a_whole_call_books_says_goodbye_and_hangs_up_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted(tmp_path)
    tools = FakeTools(
        {
            "proposeBooking": ok(
                payload={"status": "proposed", "nonce": "n1", "arguments": {"a": 1}, "say": "Friday at two, yes?"},
                nonce="n1",
            ),
            "commitProposal": ok(payload={"status": "booked", "say": "It is booked.", "reference": "AB12"}),
            "endCall": ok(payload={"status": "ok", "say": "Goodbye."}, end_call=True),
        }
    )
    async with (
        LiveServer(scripted(obedient(WISH, 500)), pretty=True) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
        switch_call(bridge, metadata={"sessionId": SESSION}) as switch,
    ):
        assert await switch.first_sound_s() <= 0.1
        await switch.says_after_the_agent()
        await switch.says_after_the_agent()
        await asyncio.wait_for(switch.closed.wait(), 15)
    assert bridge.log == ["hangup", "closed"]
    assert bridge.hang_ups == [f"/v1/calls/{SESSION}/hangup"]
    commit = tools.of("tool", tool="commitProposal")[0]
    read_back, (answer,) = commit["evidence"]["read_back"], commit["evidence"]["caller_turns"]
    assert read_back["nonce"] == "n1"
    assert read_back["finished_at_ms"] <= answer["started_at_ms"] < answer["ended_at_ms"] <= commit["evidence"]["at_ms"]
    (close,) = tools.of("close")
    assert close["reason"] == "goodbye"
    said = [(line["who"], line["text"]) for line in close["transcript"]]
    assert said[0] == ("agent", "Hello, this is an AI.")
    assert ("agent", "It is booked.") in said
    assert ("caller", "Yes.") in said
    assert said[-1] == ("agent", "Goodbye.")
    (usage,) = usage_from_json(close["usage"])
    assert (usage.engine, usage.turns + usage.silent_turns) == ("gemini", 3)
    assert usage.turns >= 2  # the leg may be gone before the goodbye's report comes
    assert min(usage.meters[meter] for meter in (Meter.TEXT_IN, Meter.AUDIO_IN, Meter.AUDIO_OUT)) > 0
    shares = shares_from_json(close["shares"])
    assert shares is not None and shares.total_ms == close["duration_ms"]
    assert min(shares.agent_ms, shares.caller_ms) > 500
    names = {
        line["event"]
        for name in ("opened", "model_ready", "tool_called", "hang_up", "ended")
        for line in bridge.events(name)
    }
    assert names == {"opened", "model_ready", "tool_called", "hang_up", "ended"}
    assert model.active == 0
    assert not model.failures


async def test_the_greeting_sounds_within_100_ms_although_the_model_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted(tmp_path)
    async with (
        LiveServer(scripted(mute), auto_setup=False) as model,
        running_bridge(model.url, FakeTools(), tmp_path, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        assert await switch.first_sound_s() <= 0.1


async def test_a_caller_who_interrupts_stops_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def long_story(stage: Stage) -> None:
        await stage.session.audio(tone(5_000), 100)
        await stage.caller_turn("wait a moment please")  # without words it would pass for a murmur
        await stage.session.interrupted()
        await stage.session.turn_complete()

    async with (
        LiveServer(scripted(long_story)) as model,
        running_bridge(model.url, FakeTools(context={**CONTEXT, "greeting": ""}), tmp_path, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        await switch.first_sound_s()
        await until(lambda: len(switch.received) >= 20, "a word")  # the model's ear knows the line's silence by then
        switch.speak(300)
        await until(lambda: any(message == '{"type":"killAudio"}' for _, message in switch.received), "killAudio")
        at = next(index for index, (_, message) in enumerate(switch.received) if isinstance(message, str))
        before, after = switch.received[at - 1][1], switch.received[at + 1 :]
        assert isinstance(before, bytes)
        assert len(before) == 5_120
        assert not any(before)
        assert not any(is_sound(message) for _, message in after)


async def test_the_end_is_reported_while_the_hand_off_is_still_being_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit of a drain there is time for one deadline, not for two in a row."""
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    seen: list[bool] = []

    async def report(desk: HandoffDesk, end: EndCall) -> None:
        for _ in range(40):
            await asyncio.sleep(0.05)
            if tools.of("close"):
                break
        seen.append(bool(tools.of("close")))

    monkeypatch.setattr(HandoffDesk, "report", report)
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
    ):
        async with switch_call(bridge) as switch:
            await until(lambda: model.active == 1, "the model is connected")
            await switch.hang_up()
        await until(lambda: not bridge.health.calls, "the call is gone", 5)
    assert seen == [True] and len(tools.of("close")) == 1


@pytest.mark.parametrize("how", ["close", "abort", "close 1011"])
async def test_when_the_switch_leaves_everything_of_the_call_goes(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
    ):
        async with switch_call(bridge) as switch:
            await until(lambda: model.active == 1, "the model is connected")
            if how == "abort":
                switch.abort()
            else:
                await switch.hang_up(1011 if "1011" in how else 1000)
            assert await until(lambda: model.active == 0, "the model's socket is closed") <= 1.0
        await until(lambda: len(tools.of("close")) == 1 and not bridge.health.calls, "the end is reported")
    (close,) = tools.of("close")
    assert close["reason"] == "caller_hung_up"
    assert bridge.hang_ups == []


async def test_a_call_that_is_over_leaves_nothing_behind_even_without_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left() -> int:
        return sum(type(thing) in (Call, CallSession, SocketLink) for thing in gc.get_objects())

    greeted(tmp_path)
    gc.collect()
    gc.disable()
    try:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, FakeTools(), tmp_path, monkeypatch) as bridge,
        ):
            before, tasks = left(), len(asyncio.all_tasks())
            async with switch_call(bridge) as switch:
                await switch.first_sound_s()
                await until(lambda: model.active == 1, "the model is connected")
                assert left() > before
            await until(lambda: not bridge.health.calls and model.active == 0, "the call is over")
            await until(lambda: len(asyncio.all_tasks()) <= tasks, "its tasks are gone", 5)
            assert left() == before
    finally:
        gc.enable()


async def test_a_lost_model_is_replaced_and_the_callers_words_reach_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[LiveSession] = []

    async def play(stage: Stage) -> None:
        sessions.append(stage.session)
        await stage.session.resumption(f"handle-{stage.session.number}")
        await stage.caller_turn()
        if stage.session.number == 1:
            stage.session.abort()
        else:
            await stage.say("Here again.", 300)

    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, FakeTools(context={**CONTEXT, "greeting": ""}), tmp_path, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        await until(lambda: len(sessions) == 1, "the model is connected")
        switch.speak(300)
        await until(lambda: len(sessions) == 2, "the model is connected again")
        assert sessions[1].handle == "handle-1"
        switch.speak(300)
        await switch.first_sound_s()


async def test_go_away_moves_the_call_to_a_new_connection_before_the_old_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at_once: list[int] = []

    async def play(stage: Stage) -> None:
        open_at_once.append(model.active)
        if stage.session.number == 1:
            await stage.session.resumption("handle-1")
            await stage.session.go_away(9.5)

    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, FakeTools(context={**CONTEXT, "greeting": ""}), tmp_path, monkeypatch) as bridge,
        switch_call(bridge),
    ):
        await until(lambda: model.connections == 2, "a second connection")
        await until(lambda: model.active == 1, "the first one is gone")
    assert open_at_once == [1, 2]


async def test_a_model_that_refuses_us_ends_in_an_apology_and_a_hang_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "clips", "Kore", str(CONTEXT["phrases"]["trouble"]), 400)
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with LiveServer(scripted(mute)) as model:
        model.refuse_status = 403
        async with running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge, switch_call(bridge) as switch:
            await switch.first_sound_s()
            await asyncio.wait_for(switch.closed.wait(), 5)
    assert bridge.log == ["hangup", "closed"]
    assert tools.of("close")[0]["reason"] == "model_lost"


async def test_a_tool_that_answers_nonsense_is_given_up_with_truthful_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, Any]] = []

    async def play(stage: Stage) -> None:
        answers.append(await stage.call("commitProposal", nonce="n1"))

    class Broken(FakeTools):
        def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
            reply = super().__call__(event)
            return {"what": "is this"} if event["operation"] == "tool" else reply

    tools = Broken(context={**CONTEXT, "greeting": ""})
    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
        switch_call(bridge),
    ):
        await until(lambda: bool(answers), "the answer")
    assert answers[0]["status"] == "unknown"
    assert answers[0]["retryable"] is False
    assert "not known" in answers[0]["instruction"]
    asked = tools.of("tool")
    assert 1 <= len(asked) <= 3  # a commit may be asked again under its own id: whoever carries it out does it once
    assert len({request["tool_call_id"] for request in asked}) == 1


async def test_a_tool_that_is_unavailable_for_a_moment_is_asked_again_with_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, Any]] = []

    async def play(stage: Stage) -> None:
        answers.append(await stage.call("findTimes"))

    class Busy(FakeTools):
        def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
            reply = super().__call__(event)
            first = event["operation"] == "tool" and len(self.of("tool")) == 1
            return {"ok": False, "error": {"kind": "Unavailable", "code": "busy"}} if first else reply

    tools = Busy(context={**CONTEXT, "greeting": ""})
    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
        switch_call(bridge),
    ):
        await until(lambda: bool(answers), "the answer")
    assert answers[0]["status"] == "ok"
    assert len({event["tool_call_id"] for event in tools.of("tool")}) == 1
    assert len(tools.of("tool")) == 2


async def test_without_a_control_plane_a_benchmark_call_just_talks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(stage: Stage) -> None:
        await stage.say("Hello.", 300)

    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, None, tmp_path, monkeypatch, settings=SessionSettings(lead_ms=40)) as bridge,
        switch_call(bridge, url=f"ws://127.0.0.1:{bridge.port}/audio") as switch,
    ):
        await switch.first_sound_s()


async def test_a_clip_is_what_the_model_reads_aloud() -> None:
    async def read(stage: Stage) -> None:
        text = await stage.told()
        assert "Good morning." in text
        await stage.say("Good morning.", 700)

    async with LiveServer(scripted(read)) as model:
        pcm = await render_clip(model.url, "key", "gemini-3.8-live", "Kore", "Good morning.")
    assert pcm == tone(700)


async def test_a_clip_that_nobody_reads_is_an_error() -> None:
    async def leave(stage: Stage) -> None:
        await stage.told()
        await stage.session.close(1011, "no")

    async with LiveServer(scripted(leave)) as model:
        with pytest.raises(Unavailable):
            await render_clip(model.url, "key", "gemini-3.8-live", "Kore", "Good morning.")
