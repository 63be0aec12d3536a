"""A model connection that is three HTTP services: speech to text, a language model, text to speech. What to ask them and when is decided
by bridge.core.cascade; here requests are made, deadlines kept and results handed back."""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

import httpx

from bridge.core.cascade import Cascade
from bridge.core.cascade_frames import Abort, CascadeLimits, Complete, Lose, Speak, Stage, StageEvent, Transcribe
from bridge.core.frames import (
    AgentTranscribed,
    Buffer,
    GenerationComplete,
    HeardItem,
    LegCommand,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelLost,
    ModelReady,
    OpenModel,
    StopModel,
)
from bridge.shell.cascade_stages import Client, Deadlines, Service
from bridge.shell.model_link import MakeLink, OnEvents, OnLost, Tap

__all__ = ["CascadeLink", "CascadeTarget", "Deadlines", "Service", "over_http"]

_CONNECTIONS = 2_000  # of a process: three per call at most, and a few that linger
_KEPT_ALIVE = 400
_KEPT_ALIVE_S = 30.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CascadeTarget:
    """Where the three services are. Built once per process: calls share its connections.

    `voice`: the speech service's name of a voice, for every agent; empty: the agent's own. `speech_hz`: the rate of the speech service's
    PCM, 8,000, 16,000 or 24,000.
    """

    transcription: Service
    completion: Service
    speech: Service
    client: httpx.AsyncClient = field(repr=False)
    voice: str = ""
    speech_hz: int = 24_000
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: CascadeLimits = field(default_factory=CascadeLimits)

    @property
    def models(self) -> dict[Stage, str]:
        """What the services beside the language model are called."""
        return {Stage.TRANSCRIPTION: self.transcription.model, Stage.SPEECH: self.speech.model}

    @classmethod
    def of(
        cls,
        stt: Service,
        llm: Service,
        tts: Service,
        *,
        voice: str = "",
        speech_hz: int = 24_000,
        ca_file: str = "",
        deadlines: Deadlines | None = None,
    ) -> CascadeTarget:
        """Raises OSError for an unreadable CA file."""
        deadlines = deadlines or Deadlines()
        is_tls = any(service.url.startswith("https://") for service in (stt, llm, tts))
        client = httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=ca_file or None) if is_tls else False,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_KEPT_ALIVE,
                keepalive_expiry=_KEPT_ALIVE_S,
            ),
            timeout=httpx.Timeout(deadlines.gap_s, connect=deadlines.connect_s, pool=deadlines.connect_s),
            trust_env=False,
            follow_redirects=False,
        )
        return cls(stt, llm, tts, client, voice, speech_hz, deadlines)

    async def aclose(self) -> None:
        await self.client.aclose()


def over_http(target: CascadeTarget) -> MakeLink:
    return lambda number, on_events, on_lost: CascadeLink(number, target, on_events, on_lost)


class CascadeLink:
    """See bridge.shell.model_link.ModelLink."""

    has_wire = False

    def __init__(self, number: int, target: CascadeTarget, on_events: OnEvents, on_lost: OnLost) -> None:
        self.number = number
        self.tap: Tap | None = None
        self._target = target
        self._on_events = on_events
        self._on_lost = on_lost
        self._key = uuid.uuid4().hex
        self._client = Client(target.client, target.deadlines, f"{number}.{self._key}")
        self._loop = asyncio.get_running_loop()
        self._machine: Cascade | None = None
        self._voice = target.voice
        self._tasks: dict[int, asyncio.Task[Any]] = {}  # by request; probes by negative numbers
        self._undelivered: deque[ModelEvent] = deque()
        self._delivering = False
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    async def open(self, order: OpenModel) -> None:
        """Ask each service whether it is there. Reports the outcome through the callbacks; returns when it is known."""
        services = (self._target.transcription, self._target.completion, self._target.speech)
        different = {(service.url, service.model, service.key): service for service in services}
        probes = [self._loop.create_task(self._client.probe(service)) for service in different.values()]
        for number, probe in enumerate(probes, 1):
            self._tasks[-number] = probe
        try:
            await asyncio.wait(probes, timeout=order.timeout_ms / 1000)
        finally:
            for probe in probes:
                probe.cancel()
            self._tasks.clear()
        if self._gone:
            return
        try:
            for probe in probes:
                if problem := (probe.result() if probe.done() and not probe.cancelled() else _NO_ANSWER):
                    self._lose(problem)
                    return
        finally:
            await asyncio.gather(*probes, return_exceptions=True)
        self._voice = self._target.voice or order.setup.voice
        self._machine = Cascade(
            order.setup, self._key[:8], self._target.speech_hz, self._target.limits, self._target.models
        )
        self._on_events(self, [ModelReady(self.number)])

    def send_audio(self, frames: Iterable[Buffer]) -> None:
        if self._machine is not None and not self._gone:
            for frame in frames:
                self._machine.audio(frame)

    def obey(self, command: LegCommand) -> None:
        if self._machine is None or self._gone:
            return
        if isinstance(command, StopModel) and self._undelivered:
            command = self._without_undelivered(command)
        self._machine.obey(command, self._now_ms())
        self._carry_out()

    def _without_undelivered(self, command: StopModel) -> StopModel:
        """The session stopped us while it was handed events: speech that it has not been given yet was not heard."""
        never = [event.item for event in self._undelivered if isinstance(event, ModelAudio)]
        self._undelivered = deque(
            event
            for event in self._undelivered
            if not isinstance(event, ModelAudio | AgentTranscribed | GenerationComplete)
        )
        known = {heard.item for heard in command.heard}
        unheard = [HeardItem(item, 0, 1) for item in dict.fromkeys(never) if item not in known]
        return replace(command, heard=(*command.heard, *unheard))

    def close(self) -> None:
        """Leave without a report."""
        self._gone = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in tuple(self._tasks.values()):
            task.cancel()
        self._tasks.clear()
        self._undelivered.clear()

    # --- between the machine and the services -------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return self._loop.time() * 1000

    def _result(self, event: StageEvent) -> None:
        if self._machine is not None and not self._gone:
            self._machine.result(event, self._now_ms())
            self._carry_out()

    def _time_passed(self) -> None:
        self._timer = None
        if self._machine is not None and not self._gone:
            self._machine.time_passed(self._now_ms())
            self._carry_out()

    def _carry_out(self) -> None:
        assert self._machine is not None  # whoever calls has asked it
        machine = self._machine
        orders, machine.orders = machine.orders, []
        self._undelivered += machine.events
        machine.events = []
        for order in orders:
            match order:
                case Abort(requests):
                    for request in requests:
                        if (task := self._tasks.pop(request, None)) is not None:
                            task.cancel()
                case Lose():
                    self._lose(order)
                    return
                case Transcribe() | Complete() | Speak():
                    self._start(order)
        self._deliver()
        self._set_timer()

    def _deliver(self) -> None:
        """One event at a time: what the session orders on hearing one may make the next ones void."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._undelivered and not self._gone:
                self._on_events(self, [self._undelivered.popleft()])
        finally:
            self._delivering = False

    def _set_timer(self) -> None:
        if self._machine is None or self._gone:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (wake_ms := self._machine.wake_ms) != inf:
            self._timer = self._loop.call_at(wake_ms / 1000, self._time_passed)

    def _start(self, order: Transcribe | Complete | Speak) -> None:
        target, client = self._target, self._client
        match order:
            case Transcribe():
                work = client.transcribe(target.transcription, order, self._result)
            case Complete():
                work = client.complete(target.completion, order, self._result)
            case Speak():
                work = client.speak(target.speech, order, self._voice, target.speech_hz, self._result)
        task = self._loop.create_task(work)
        self._tasks[order.request] = task
        task.add_done_callback(partial(self._ended, order.request))

    def _ended(self, request: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(request) is task:
            del self._tasks[request]
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("cascade link %d broke: %s", self.number, type(problem).__name__)
            self._lose(Lose(0, type(problem).__name__, Loss.NETWORK))

    def _lose(self, lost: Lose) -> None:
        if self._gone:
            return
        self.close()
        self._on_lost(ModelLost(self.number, lost.code, lost.reason[:120], lost.loss))


_NO_ANSWER = Lose(0, "no answer in time", Loss.NETWORK)
