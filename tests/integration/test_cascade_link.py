"""The cascade's link over real sockets, against scripted services."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    CallerTranscribed,
    GenerationComplete,
    HeardItem,
    Loss,
    ModelAudio,
    ModelReady,
    SayToModel,
    ServiceUsed,
    StopModel,
    ToolAsked,
    TurnComplete,
    UsageReported,
)
from bridge.shell.cascade_link import CascadeLink, Deadlines
from local.engine.dialogue import Act, CallTool, Say
from local.engine.http_kills import HttpKills
from local.engine.http_wire import HttpServer, Reply, Request
from local.processes import free_port
from pokea.billing.usage import Meter
from tests.integration.bridge_peers import until
from tests.integration.cascade_peers import (
    FRAME,
    ScriptedServices,
    Session,
    order,
    running_leg,
    target_at,
)

QUICK = Deadlines(connect_s=2.0, probe_s=2.0, gap_s=0.8, transcription_s=0.8)  # what a busy machine keeps, too


async def test_a_turn_is_heard_answered_and_spoken_sentence_by_sentence() -> None:
    async with running_leg(ScriptedServices()) as leg:
        assert leg.session.events == [ModelReady(1)]
        leg.caller_speaks(FRAME * 25)
        await leg.session.sees(TurnComplete)
        assert leg.services.heard_bytes == [25 * 640]
        assert leg.services.spoken == ["You said hello.", "Is that all?"]
        assert leg.session.all(CallerTranscribed) == [CallerTranscribed("hello", finished=True)]
        assert [said.text for said in leg.session.all(AgentTranscribed)] == ["You said hello.", "Is that all?"]
        spoken_ms = {
            item: sum(len(audio.pcm) for audio in leg.session.all(ModelAudio) if audio.item == item) // 48
            for item in ("s1", "s2")
        }
        assert spoken_ms == {"s1": 60 * len("You said hello."), "s2": 60 * len("Is that all?")}
        assert len(leg.session.all(GenerationComplete)) == 1
        (report,) = leg.session.all(UsageReported)
        assert min(report.meters[Meter.TEXT_IN], report.meters[Meter.TEXT_OUT]) > 0
        assert leg.session.all(ServiceUsed) == [
            ServiceUsed("offline", {Meter.HEARD_MS: 500}),
            ServiceUsed("offline", {Meter.SPOKEN_CHARS: len("You said hello.")}),
            ServiceUsed("offline", {Meter.SPOKEN_CHARS: len("Is that all?")}),
        ]
        assert leg.engine.requests[0] == (
            "/v1/audio/transcriptions",
            {"model": "offline", "response_format": "json", "language": "en"},
        )
        leg.caller_speaks()
        await leg.session.sees(TurnComplete, 2)
        prompt = [asked for path, asked in leg.engine.requests if path.endswith("transcriptions")][-1]["prompt"]
        assert prompt == "You said hello. Is that all?"
        assert leg.server.connections <= 4  # they are used again


async def test_a_tool_round_goes_there_and_back() -> None:
    def answers(messages: Sequence[Mapping[str, Any]]) -> Sequence[Act]:
        if messages[-1]["role"] == "tool":
            return [Say(f"I found {messages[-1]['content']}.")]
        return [Say("One moment."), CallTool("findTimes", {"day": "Alhamisi ☕"})]

    async with running_leg(ScriptedServices(answers=answers)) as leg:
        leg.caller_speaks()
        asked = await leg.session.sees(ToolAsked)
        assert (asked.name, asked.arguments) == ("findTimes", {"day": "Alhamisi ☕"})
        leg.link.obey(AnswerTool(asked.tool_call_id, asked.name, {"say": "two"}))
        await leg.session.sees(TurnComplete)
        assert leg.services.spoken == ["One moment.", 'I found {"say": "two"}.']
        assert [message["role"] for message in leg.services.conversations[-1]] == ["user", "assistant", "tool"]


async def test_a_caller_who_cuts_in_is_answered_in_the_light_of_what_they_heard() -> None:
    async with running_leg(ScriptedServices(words=("hello", "no wait"), holds_speech=True)) as leg:
        leg.caller_speaks()
        await leg.session.sees(ModelAudio)
        leg.link.obey(StopModel((HeardItem("s1", 480, 960),)))
        count = len(leg.session.all(ModelAudio))
        await leg.session.until(lambda: len(leg.services.cut_off) == 2, "both requests are cut", 3)
        leg.services.holds_speech = False
        assert len(leg.session.all(ModelAudio)) == count
        leg.caller_speaks()
        await leg.session.sees(TurnComplete)
        assert [(message["role"], message["content"]) for message in leg.services.conversations[-1]] == [
            ("user", "hello"),
            ("assistant", "You…"),
            ("user", "no wait"),
        ]
        assert [audio.item for audio in leg.session.all(ModelAudio)[count:]] == ["s3"] * 2 + ["s4"] * 2


async def test_what_the_session_says_is_answered_without_a_caller() -> None:
    async with running_leg(ScriptedServices()) as leg:
        leg.link.obey(SayToModel("[Ask.]"))
        await leg.session.sees(TurnComplete)
        assert leg.services.conversations == [[{"role": "user", "content": "[Ask.]"}]]


async def test_a_close_from_within_an_event_is_final() -> None:
    async with running_leg(ScriptedServices()) as leg:
        seen: list[object] = []
        leg.link._on_events = lambda link, events: (seen.append(events), link.close())[1]
        leg.caller_speaks()
        await until(lambda: bool(seen), "an event")
        await asyncio.sleep(0.1)
        assert len(seen) == 1
        assert not leg.session.lost


async def test_speech_that_was_not_handed_over_when_the_session_stopped_stays_unsaid() -> None:
    """The second sentence is there before the first, so that it is handed over in one go, and the session stops at its first sound."""
    async with running_leg(ScriptedServices(words=("hello", "wait"), first_speech_takes_s=0.3)) as leg:
        hand_over = leg.link._on_events

        def stop_at_the_second_item(link: Any, events: Any) -> None:
            hand_over(link, events)
            if isinstance(events[0], ModelAudio) and events[0].item == "s2":
                link.obey(StopModel((HeardItem("s1", 900, 900),)))

        leg.link._on_events = stop_at_the_second_item
        leg.caller_speaks()
        await leg.session.until(
            lambda: "s2" in {audio.item for audio in leg.session.all(ModelAudio)}, "the second item"
        )
        leg.caller_speaks()
        await leg.session.sees(TurnComplete)
        assert [audio.item for audio in leg.session.all(ModelAudio)].count("s2") == 1
        assert [message["content"] for message in leg.services.conversations[-1]] == [
            "hello",
            "You said hello.",
            "wait",
        ]


# --- failures --------------------------------------------------------------------------------------------------------------


async def test_a_service_that_is_not_there_is_found_when_connecting() -> None:
    session, target = Session(), target_at(f"http://127.0.0.1:{free_port()}/v1")
    link = CascadeLink(4, target, session.on_events, session.lost.append)
    await link.open(order(4))
    assert [(lost.link, lost.code, lost.loss) for lost in session.lost] == [(4, 0, Loss.NETWORK)]
    assert not session.events
    await target.aclose()


REFUSALS = [(401, Loss.REFUSED), (503, Loss.OVERLOADED), (429, Loss.OVERLOADED), (404, None), (405, None)]


@pytest.mark.parametrize(("status", "loss"), REFUSALS)
async def test_a_service_that_refuses_is_found_when_connecting(status: int, loss: Loss | None) -> None:
    async def refuse(request: Request, reply: Reply) -> None:
        assert request.headers["authorization"] == "Bearer key"
        await reply.error(status, "no")

    async with HttpServer(refuse) as server:
        session, target = Session(), target_at(server.url)
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        await link.open(order())
        assert [(lost.code, lost.loss) for lost in session.lost] == ([(status, loss)] if loss else [])
        assert session.events == ([] if loss else [ModelReady(1)])
        link.close()
        await target.aclose()


async def test_a_service_that_never_answers_is_given_up_in_the_time_allowed() -> None:
    async def stall(request: Request, reply: Reply) -> None:
        await asyncio.Event().wait()

    async with HttpServer(stall) as server:
        session, target = Session(), target_at(server.url)
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        async with asyncio.timeout(10):
            await link.open(order(timeout_ms=200))
        assert [(lost.code, lost.reason) for lost in session.lost] == [(0, "no answer in time")]
        await target.aclose()


async def test_a_link_that_is_dropped_while_it_connects_reports_nothing() -> None:
    async def stall(request: Request, reply: Reply) -> None:
        await asyncio.Event().wait()

    async with HttpServer(stall) as server:
        session, target = Session(), target_at(server.url)
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        opening = asyncio.ensure_future(link.open(order()))
        await asyncio.sleep(0.05)
        link.close()
        async with asyncio.timeout(10):
            await opening
        assert not session.lost
        assert not session.events
        await target.aclose()


@pytest.mark.parametrize("state", ["hearing", "understanding", "tool_asked", "tool_answered"])
async def test_a_request_that_is_cut_once_is_repeated_and_nobody_notices(state: str) -> None:
    kills = HttpKills([state], cuts=1)
    async with running_leg(ScriptedServices(answers=one_tool), kills) as leg:
        leg.caller_speaks()
        asked = await leg.session.sees(ToolAsked)
        leg.link.obey(AnswerTool(asked.tool_call_id, asked.name, {"say": "Two."}))
        await leg.session.sees(TurnComplete)
        assert kills.killed == [state]
        assert leg.services.spoken == ["Done."]


@pytest.mark.parametrize("state", ["hearing", "understanding", "tool_asked", "tool_answered", "speaking"])
async def test_a_stage_that_dies_twice_loses_the_leg(state: str) -> None:
    kills = HttpKills([state], down_after=1)
    async with running_leg(ScriptedServices(answers=one_tool), kills) as leg:
        leg.caller_speaks()
        if state in ("tool_answered", "speaking"):
            asked = await leg.session.sees(ToolAsked)
            leg.link.obey(AnswerTool(asked.tool_call_id, asked.name, {"say": "Two."}))
        lost = await leg.session.loses()
        assert (lost.link, lost.code, lost.loss) == (1, 0, Loss.NETWORK)
        assert kills.killed == [state]
        session, target = Session(), target_at(leg.server.url)
        again = CascadeLink(2, target, session.on_events, session.lost.append)
        await again.open(order(2))
        assert [(lost.code, lost.loss) for lost in session.lost] == [(503, Loss.OVERLOADED)]
        await target.aclose()


@pytest.mark.parametrize("stage", ["transcription", "completion", "speech"])
async def test_a_slow_stage_is_tried_twice_and_then_the_leg_is_lost(stage: str) -> None:
    async with running_leg(ScriptedServices(pauses={stage: 5.0}), deadlines=QUICK) as leg:
        leg.caller_speaks()
        lost = await leg.session.loses()
        assert lost.loss is Loss.NETWORK
        assert lost.reason.startswith(stage)


async def test_a_refusal_in_mid_call_names_its_stage_and_reason() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.error(200 if request.method == "GET" else 404, "no such model")

    async with HttpServer(answer) as server:
        session, target = Session(), target_at(server.url)
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        await link.open(order())
        link.obey(SayToModel("Hello"))
        lost = await session.loses()
        assert (lost.code, lost.reason, lost.loss) == (404, "completion: Not Found: no such model", Loss.REFUSED)
        await target.aclose()


def one_tool(messages: Sequence[Mapping[str, Any]]) -> Sequence[Act]:
    return [Say("Done.")] if messages[-1]["role"] == "tool" else [CallTool("findTimes", {"day": "Thursday"})]
