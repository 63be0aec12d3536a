"""A whole booking call in virtual time: a caller who books, models that speak and die as told, tools with the real confirm gate.

Every connection has a fate: when and how it dies. A death is either heard of (the shell reports it) or silent. The models remember what
their kind of session remembers: a resumed one what it knew when its handle was given, a fresh one what its brief says.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from bridge.core.engines import GEMINI, Engine
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    CallerTranscribed,
    CallTool,
    Command,
    DropModel,
    Event,
    GenerationComplete,
    GoingAway,
    HangUp,
    Loss,
    ModelAudio,
    ModelLost,
    ModelReady,
    OpenModel,
    ResumeHandle,
    SayToModel,
    SwitchClosed,
    ToolAsked,
    ToolReturned,
    TurnComplete,
    UseModel,
)
from bridge.core.session import SessionSettings
from bridge.wire.gemini_live import GeminiLive
from pokea.ids import Nonce
from pokea.toolkit import CallerTurn, Evidence, ReadBack
from tests.fakes.conversation import Conversation
from tests.unit.bridge.virtual_call import VirtualCall, clips, context, voice_ms

WISH = {"service": "cleaning", "when": "2026-11-26T14:30", "name": "Amina Otieno"}
BOOK, YES, NO = "i would like to book", "yes", "no thank you"
MODEL_LEVEL, CLIP_LEVEL = 5_000, 3_000
CLIPS = clips(
    greeting=800, idle_ask=900, idle_ask_again=900, idle_goodbye=900, goodbye=700, trouble=1_200, one_moment=900
)
_SERVER_EAR_MS = 400.0  # a provider's detector waits for a pause before it answers


class State(StrEnum):
    """Where a connection dies."""

    REFUSED = "refused"
    TCP_ONLY = "tcp_only"
    UPGRADED = "upgraded"
    READY = "ready"
    CALLER_SPEAKING = "caller_speaking"
    MODEL_SPEAKING = "model_speaking"
    TOOL_ASKED = "tool_asked"
    TOOL_ANSWERED = "tool_answered"
    GOING_AWAY = "going_away"
    RESUMING = "resuming"
    HANDLE_REFUSED = "handle_refused"


class Death(StrEnum):
    RST = "rst"
    FIN = "fin"
    HALF_OPEN = "half_open"
    CLOSE_1000 = "1000"
    CLOSE_1001 = "1001"
    CLOSE_1007 = "1007"
    CLOSE_1008 = "1008"
    CLOSE_1011 = "1011"
    STALL = "stall"
    GARBAGE = "garbage"
    OVERSIZE = "oversize"

    @property
    def is_silent(self) -> bool:
        return self in (Death.HALF_OPEN, Death.STALL)

    def lost(self, link: int) -> ModelLost:
        """What the shell reports: a cut connection is 1006, a message it will not take ends the connection by our own code."""
        code = {Death.GARBAGE: 1007, Death.OVERSIZE: 1009}.get(self) or (int(self) if self.isdigit() else 1006)
        return ModelLost(link, code, "", GeminiLive().loss(code, ""))


OPENING = (State.REFUSED, State.TCP_ONLY, State.UPGRADED, State.RESUMING, State.HANDLE_REFUSED)
Fates = Mapping[int, tuple[State, Death]]


@dataclass
class Memory:
    """What a session knows of the call."""

    booking: bool = False
    proposal: Mapping[str, Any] | None = None
    is_read_back: bool = False
    agreed: bool = False
    booked: bool = False
    leaving: bool = False
    ended: bool = False
    unanswered: bool = False

    @classmethod
    def of_brief(cls, instructions: str) -> Memory:
        brief = json.loads(instructions.partition("<call-so-far>")[2].partition("</call-so-far>")[0] or "{}")
        memory = cls()
        for fact in brief.get("facts", []):
            memory.learn(fact["tool"], fact["result"])
        said = [turn["text"] for turn in brief.get("turns", []) if turn["who"] == "caller"]
        memory.booking = BOOK in said
        open_one = brief.get("open_confirmation")
        if open_one is not None:
            memory.is_read_back = open_one["read_back_heard"]
            memory.proposal = memory.proposal if memory.is_read_back else None
        memory.agreed = YES in said and memory.proposal is not None
        memory.leaving = NO in said
        memory.unanswered = bool(brief.get("answer_owed"))
        return memory

    def learn(self, tool: str, result: Mapping[str, Any]) -> None:
        if tool == "proposeBooking" and result.get("status") == "proposed":
            self.proposal, self.is_read_back = result, False
        elif tool == "commitProposal" and result.get("status") == "booked":
            self.booked, self.proposal = True, None
        elif tool == "commitProposal" and result.get("status") == "refused":
            self.agreed, self.is_read_back = False, False
        elif tool == "endCall":
            self.ended = True

    def hear(self, words: str) -> None:
        self.unanswered = True
        if words == BOOK:
            self.booking = True
        elif words == YES and self.is_read_back:
            self.agreed = True
        elif words == NO and self.booked:
            self.leaving = True


@dataclass
class Leg:
    """One connection's model."""

    order: OpenModel
    memory: Memory
    is_ready: bool = False
    is_dead: bool = False
    is_silent: bool = False
    asked: set[str] = field(default_factory=set)


class Rehearsal(VirtualCall):
    """`fates`: by the number of the connection. `think_ms`: how long a model takes to answer; a test may change it by connection."""

    def __init__(
        self,
        fates: Fates | None = None,
        seed: int = 0,
        *,
        engines: tuple[Engine, ...] = (GEMINI,),
        settings: SessionSettings | None = None,
        has_handles: bool = True,
        deadly_tool: str = "",
        down: Callable[[str, float], Loss | None] = lambda engine, now: None,
    ) -> None:
        self.draw = random.Random(seed)
        self.fates = dict(fates or {})
        self.talk = Conversation()
        self.legs: dict[int, Leg] = {}
        self.in_use = 0
        self.think_ms: Callable[[int], float] = lambda link: self.draw.uniform(300, 700)
        self.has_handles = has_handles
        self.deadly_tool = deadly_tool  # the tool around which TOOL_ASKED and TOOL_ANSWERED strike; empty: any
        self.down = down
        self.died: list[tuple[float, State, Death]] = []
        self.delivered: list[tuple[int, str]] = []
        self.said: list[tuple[float, str]] = []
        self.says_yes = True
        self.leaving_ms = float("inf")  # when the model asked for the end of the call
        self._memories: dict[str, Memory] = {}
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count(1)
        self._wishes = [BOOK, YES, NO]
        self._utterance: tuple[float, float, str] | None = None
        self._spoken: list[tuple[float, float, str]] = []
        self._answered_until = 0.0
        super().__init__(context(greeting="Hello."), CLIPS, replace(settings or SessionSettings(), engines=engines))

    # --- time ---------------------------------------------------------------------------------------------------------------

    def at(self, after_ms: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (getattr(self, "now", 0.0) + after_ms, next(self._ids), act))

    @property
    def peers_due_ms(self) -> float:
        return self._agenda[0][0] if self._agenda else float("inf")

    def peers_act(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()

    # --- what the bridge orders ---------------------------------------------------------------------------------------------

    def obeyed(self, order: Command) -> None:
        match order:
            case OpenModel():
                self._open(order)
            case UseModel(link, held):
                self.in_use = link
                if any(any(frame) for frame in held):
                    self.at(0, lambda: self._hears_what_was_held(link))
            case DropModel(link):
                self.legs[link].is_dead = True
            case SayToModel(text):
                self._told(self.in_use, text)
            case AnswerTool(tool_call_id, name, payload):
                self._tool_answered(self.in_use, tool_call_id, name, payload)
            case CallTool():
                self.at(self.draw.uniform(150, 500), lambda: self._run(order))
            case HangUp():
                self.at(100, lambda: self.feed(SwitchClosed(1000)))
            case _:
                pass

    def _open(self, order: OpenModel) -> None:
        handle = order.setup.resume_handle
        memory = replace(self._memories[handle]) if handle else Memory.of_brief(order.setup.instructions)
        leg = self.legs[order.link] = Leg(order, memory)
        loss = self.down(order.engine, getattr(self, "now", 0.0))
        if loss is not None:
            self.at(20, lambda: self._lose(leg, ModelLost(order.link, 503, "", loss)))
            return
        state, death = self.fates.get(order.link, (None, None))
        if state in OPENING and death is not None:
            self.at(order.timeout_ms if death.is_silent else 60, lambda: self._fail_to_open(leg, state, death))
        else:
            self.at(self.draw.uniform(120, 300), lambda: self._ready(leg))

    def _fail_to_open(self, leg: Leg, state: State, death: Death) -> None:
        self.died.append((self.now, state, death))
        link = leg.order.link
        lost = ModelLost(link, 0, "no answer in time") if death.is_silent else death.lost(link)
        self._lose(leg, lost)

    def _lose(self, leg: Leg, lost: ModelLost) -> None:
        if not leg.is_dead:
            leg.is_dead = True
            self.in_use = 0 if self.in_use == lost.link else self.in_use
            self.feed(lost)

    def _ready(self, leg: Leg) -> None:
        if leg.is_dead:
            return
        leg.is_ready = True
        self.feed(ModelReady(leg.order.link))
        self._give_handle(leg)
        self._enter(leg, State.READY)

    def _give_handle(self, leg: Leg) -> None:
        """A session can be continued from where nothing is under way."""
        if self.has_handles and leg.order.engine == "gemini" and not leg.is_dead and not leg.is_silent:
            handle = f"h{leg.order.link}-{next(self._ids)}"
            self._memories[handle] = replace(leg.memory, unanswered=False)
            self._emit(leg, ResumeHandle(handle))

    def _emit(self, leg: Leg, *events: Event) -> bool:
        """What a live connection in use says reaches the session; what others say does not."""
        for event in events:
            if leg.is_dead or leg.is_silent or leg.order.link != self.in_use:
                return False
            self.feed(event)
        return True

    def _enter(self, leg: Leg, state: State) -> bool:
        """A connection comes to a state; True if it dies there."""
        fate = self.fates.get(leg.order.link)
        if fate is None or fate[0] is not state or leg.is_dead or leg.is_silent:
            return False
        self.died.append((self.now, *fate))
        if fate[1].is_silent:
            leg.is_silent = True
        else:
            self._lose(leg, fate[1].lost(leg.order.link))
        return True

    # --- the model ----------------------------------------------------------------------------------------------------------

    def _hears(self, link: int, words: str) -> None:
        leg = self.legs.get(link)
        if leg is None or leg.is_dead or leg.is_silent or link != self.in_use:
            return
        leg.memory.hear(words)
        if self._emit(leg, CallerTranscribed(words, finished=True)):
            self.at(self.think_ms(link), lambda: self._act(leg))

    def _hears_what_was_held(self, link: int) -> None:
        """Audio from before the connection was put to use: the caller's utterance that is over, if there is one."""
        if self._spoken and self._spoken[-1][1] <= self.now and self._spoken[-1][1] > self._answered_until:
            words = self._spoken[-1][2]
            self.at(max(0.0, self._spoken[-1][1] + _SERVER_EAR_MS - self.now), lambda: self._hears(link, words))

    def _told(self, link: int, text: str) -> None:
        leg = self.legs.get(link)
        if leg is None or leg.is_dead or leg.is_silent:
            return
        if text.startswith("["):
            self.at(self.think_ms(link), lambda: self._act(leg, again=True))
        else:
            self.at(self.think_ms(link), lambda: self._say(leg, text.partition('"')[2].rstrip('"')))

    def _act(self, leg: Leg, *, again: bool = False) -> None:
        """Whatever is next, from what this session knows."""
        memory = leg.memory
        if leg.is_dead or leg.is_silent or leg.order.link != self.in_use or not (memory.unanswered or again):
            return
        memory.unanswered = False
        self._answered_until = self.now
        if memory.ended:
            self._say(leg, "Goodbye.")
        elif memory.leaving:
            self._ask(leg, "endCall", {})
        elif memory.booked:
            self._say(leg, "It is booked. Anything else?")
        elif memory.agreed and memory.proposal is not None:
            arguments = {"nonce": memory.proposal["nonce"], "arguments": memory.proposal["arguments"]}
            self._ask(leg, "commitProposal", arguments)
        elif memory.booking and (memory.proposal is None or again):
            self._ask(leg, "proposeBooking", WISH)
        elif memory.proposal is not None:
            self._say(leg, str(memory.proposal["say"]))
        else:
            self._say(leg, "How can I help you?")

    def _ask(self, leg: Leg, tool: str, arguments: Mapping[str, Any]) -> None:
        tool_call_id = f"c{next(self._ids)}"
        leg.asked.add(tool_call_id)
        if tool == "endCall":
            self.leaving_ms = min(self.leaving_ms, self.now)
        if self._emit(leg, ToolAsked(tool_call_id, tool, arguments)) and tool.startswith(self.deadly_tool):
            self._enter(leg, State.TOOL_ASKED)

    def _tool_answered(self, link: int, tool_call_id: str, tool: str, payload: Mapping[str, Any]) -> None:
        leg = self.legs.get(link)
        self.delivered.append((link, tool_call_id))
        if leg is None or leg.is_dead or leg.is_silent:
            return
        assert tool_call_id in leg.asked, "answered to a model that did not ask"
        leg.memory.learn(tool, payload)
        if not tool.startswith(self.deadly_tool) or not self._enter(leg, State.TOOL_ANSWERED):
            leg.memory.unanswered = True
            self.at(self.think_ms(link), lambda: self._after_tool(leg, payload))

    def _after_tool(self, leg: Leg, payload: Mapping[str, Any]) -> None:
        leg.memory.unanswered = False
        self._say(leg, str(payload.get("say", "")) or "Well.")

    def _say(self, leg: Leg, text: str) -> None:
        if leg.is_dead or leg.is_silent or leg.order.link != self.in_use:
            return
        length = max(600, len(text.split()) * 110)
        self.said.append((self.now, text))
        self._emit(leg, AgentTranscribed(text))
        for index in range(length // 100):
            if not self._emit(leg, ModelAudio(voice_ms(100))):
                return
            if index == 3 and self._enter(leg, State.MODEL_SPEAKING):
                return
        leg.memory.is_read_back = leg.memory.is_read_back or leg.memory.proposal is not None
        self._emit(leg, GenerationComplete())
        self._emit(leg, TurnComplete())
        self._give_handle(leg)
        if self.fates.get(leg.order.link, (None,))[0] is State.GOING_AWAY and self._emit(leg, GoingAway(9_000)):
            self.at(30, lambda: self._enter(leg, State.GOING_AWAY))

    # --- the tools ----------------------------------------------------------------------------------------------------------

    def _run(self, order: CallTool) -> None:
        said = order.evidence["read_back"]
        read_back = said and ReadBack(Nonce(said["nonce"]), *(said[key] for key in list(said)[1:]))
        turns = tuple(CallerTurn(turn["started_at_ms"], turn["ended_at_ms"]) for turn in order.evidence["caller_turns"])
        evidence = Evidence(order.evidence["at_ms"], read_back, turns)
        result = self.talk.tool(order.name, order.arguments, evidence, order.tool_call_id)
        self.feed(ToolReturned(order.tool_call_id, result.payload, result.nonce, result.end_call))

    @property
    def bookings(self) -> int:
        found = self.talk.tool("listAppointments", {"name": "Amina Otieno"}).payload
        return len(found.get("appointments", ())) if found["status"] == "ok" else 0

    # --- the caller ---------------------------------------------------------------------------------------------------------

    def speak(self, words: str, milliseconds: int = 700) -> None:
        begin, end = self.now + 20, self.now + 20 + milliseconds
        self.speech = [*self.speech, (begin, end)]
        self._spoken.append((begin, end, words))
        self.at(milliseconds // 2, lambda: self._mid_speech())
        self.at(20 + milliseconds + _SERVER_EAR_MS, lambda: self._hears(self.in_use, words))

    def _mid_speech(self) -> None:
        leg = self.legs.get(self.in_use)
        if leg is not None:
            self._enter(leg, State.CALLER_SPEAKING)

    def converse(self, within_ms: float = 90_000) -> None:
        """The caller says what they want whenever the agent has fallen silent after model speech; until the call is over."""
        self.advance(1_000)
        quiet_ms, answered = 0.0, 0
        self.speak(self._wishes.pop(0))
        while not self.session.ended and self.now < within_ms:
            self.advance(50)
            quiet = self.session.voice.is_silent and not self.session.legs.watchdog.is_waiting
            quiet_ms = quiet_ms + 50 if quiet and not self._is_speaking else 0.0
            if quiet_ms >= 500 and len(self.said) > answered:
                answered = len(self.said)
                self._answer(self.said[-1][1])

    @property
    def _is_speaking(self) -> bool:
        return bool(self.speech) and self.speech[-1][1] + 200 > self.now

    def _answer(self, said: str) -> None:
        if "booked" in said:
            self.speak(NO)
        elif "Shall I" in said or "read that back" in said:
            self.speak(YES)
        else:
            self.speak(BOOK)

    # --- what was heard -----------------------------------------------------------------------------------------------------

    def silences(self, from_ms: float, until_ms: float = float("inf")) -> list[tuple[float, float]]:
        """Stretches between the two in which neither the agent was heard nor the caller spoke: (begin, length)."""
        heard: list[tuple[float, float]] = [(begin, end) for begin, end, _ in self._spoken]
        play_ms = 0.0
        for at_ms, message in self.sent:
            if message == b"kill":
                play_ms = at_ms
                continue
            play_ms = max(play_ms, at_ms)
            length = len(message) / 32
            if any(message):
                heard.append((play_ms, play_ms + min(length, 20)))
            play_ms += length
        gaps, end = [], from_ms
        for begin, stop in sorted(heard):
            if begin > end and begin < until_ms:
                gaps.append((end, begin - end))
            end = max(end, stop)
        return gaps
