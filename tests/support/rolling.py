"""Two releases of the bridge behind one door, the control plane that names one of them in each invitation, and people on the line.

The door does what the load balancer's path rules do. The old release gets SIGTERM while people talk; `Roll.breaches` tells what they, the
control plane or ECS noticed of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.shell.clips import clip_key
from functions.voice import app as voice_app
from functions.voice.reception import Addresses, Reception
from local.carrier import Call, Carrier
from local.carrier.machines import quiet, tone
from local.carrier.rest import RestServer
from local.live_server import Handler, LiveServer
from local.model import Stage, scripted
from local.model import tone as model_tone
from pokea.adapters.system_clock import SystemClock
from pokea.clock import ManualClock
from pokea.ids import SessionId
from pokea.orphans import LEASE
from tests.integration.bridge_peers import HttpPeer
from tests.integration.test_bridge_process import ROOT, environ, free_port, get
from tests.support.control_plane import CALLER, LINE, NOW, ControlPlane, opened, posted
from tests.support.ecs_agent import EcsAgent

OLD, NEW = "r1", "r2"
DRAIN_S = 60
NOT_READY_WITHIN_S = 1.0
GONE_WITHIN_S = 4.0  # after its last call
DEAF_MS = 4_800  # four questions without an answer: nobody stays that long without a word
_QUESTION = tone(500, 300) + quiet(900)
_ASKED = _QUESTION * 2  # fifty talkers share a core with what they test
_ANSWER_MS = 300
_ANSWERS_AT_LAST = 2
BUILDS = "tests.faults.broken.rolling"
_LOUD = 300
_MODEL_HZ = 440
RECORDED_HZ = 1_000


def record_words(folder: Path, milliseconds: int) -> None:
    """A last word in our own voice, in every language of the line that people ring here."""
    folder.mkdir(exist_ok=True)
    plane = ControlPlane()
    context = opened(plane, plane.ring())["result"]["context"]
    for phrases in (context["phrases"], *context["other_phrases"].values()):
        text = phrases["trouble"]
        with wave.open(str(folder / f"{clip_key(context['voice'], text)}.wav"), "wb") as file:
            file.setparams((1, 2, 24_000, 0, "NONE", ""))
            file.writeframes(model_tone(milliseconds, RECORDED_HZ))


class Talker:
    """Asks something every 1.2 s and hears the answers. Stays until told to leave. Times are of the line, in ms."""

    def __init__(self) -> None:
        self.hung_up = False
        self.now_ms = 0
        self.heard_ms = 0  # of what is no silence
        self.longest_wait_ms = 0
        self._loud_ms = 0
        self._leaves_ms: int | None = None

    def leave_in(self, milliseconds: int) -> None:
        self._leaves_ms = self.now_ms + milliseconds

    def answered(self) -> None:
        pass

    def speak(self, samples: int) -> bytes:
        at = self.now_ms * 32 % len(_QUESTION)
        return _ASKED[at : at + 2 * samples]

    def hear(self, pcm: bytes) -> None:
        milliseconds = len(pcm) // 32
        self.now_ms += milliseconds
        if np.frombuffer(pcm, "<i2").max(initial=0) > _LOUD:
            self.heard_ms += milliseconds
            self._loud_ms = self.now_ms
        self.longest_wait_ms = max(self.longest_wait_ms, self.now_ms - self._loud_ms)
        self.hung_up = self.hung_up or (self._leaves_ms is not None and self.now_ms >= self._leaves_ms)

    def ended(self) -> None:
        pass


class Witness(Talker):
    """Knows our own recorded words from the model's by their pitch."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded_ms = 0

    def hear(self, pcm: bytes) -> None:
        super().hear(pcm)
        samples = np.frombuffer(pcm, "<i2")
        crossings = np.count_nonzero(np.diff(np.signbit(samples)))
        if samples.max(initial=0) > _LOUD and crossings * 16_000 > (RECORDED_HZ + _MODEL_HZ) * len(samples):
            self.recorded_ms += len(samples) // 16


class Agent:
    """A model that greets, answers each question, and says goodbye two answers after `may_end`."""

    def __init__(self) -> None:
        self.may_end = False

    async def play(self, stage: Stage) -> None:
        await stage.told()
        await stage.say("Hello.", _ANSWER_MS)
        left = _ANSWERS_AT_LAST
        while left:
            await stage.caller_turn("And then?")
            left -= self.may_end
            await stage.say("So it is.", _ANSWER_MS)
        await stage.call("endCall")
        await stage.say("Goodbye.", _ANSWER_MS)


class Door:
    """/g/<release>/… goes to the port of that release; 503 where nobody listens."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self._streams: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Door:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for stream in tuple(self._streams):
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = asyncio.current_task()
        assert stream is not None  # start_server makes one per connection
        self._streams.add(stream)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            release = re.match(rb"GET /g/([^/]+)/audio", head)
            assert release is not None, head
            try:
                inner = await asyncio.open_connection("127.0.0.1", self.ports[release[1].decode()])
            except ConnectionRefusedError:
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            else:
                inner[1].write(head)
                await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))
        writer.close()
        self._streams.discard(stream)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Plane(ControlPlane):
    """`door`, `hooks`: their addresses. `release`: whom new calls are invited to."""

    door: str = ""
    hooks: str = ""
    release: str = OLD
    opened: dict[str, str] = field(default_factory=dict)  # bridge by call

    def reception(self) -> Reception:
        status = f"{self.hooks}/stream-status"
        return Reception(
            gate=self.gate,
            register=lambda: self.register,
            lines=self.numbers,
            signer=lambda: self.signer,
            addresses=Addresses(self.door, self.release, 60, lambda: status),
            clock=self.clock,
            log=self._log("voice"),
            deadline=self._deadline,
            ended=self._ended,
            note=lambda call, now: self.keeper.note(call, now),
        )

    def roll(self, release: str) -> None:
        """What a changed parameter of the template does: new calls go there."""
        self.release = release
        reception = self.reception()
        self.voice = voice_app.make_handler(lambda: reception, self._log("voice"))

    def door_of_tools(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        event = json.loads(body)
        if event["operation"] == "open":
            self.opened[event["session_id"]] = event["bridge"]
        return 200, self.tools(event, None)


class Ecs(EcsAgent):
    """`early`: how often protection was given back while the task had calls. `live`: how many it has."""

    def __init__(self) -> None:
        super().__init__()
        self.early = 0
        self.live: Callable[[], int] = lambda: 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._serve(reader, writer)
        if not self.heard[-1]["ProtectionEnabled"] and self.live():
            self.early += 1


@dataclass
class Generation:
    """A bridge of one release: its process, its model and ECS's agent beside it."""

    process: asyncio.subprocess.Process
    port: int
    model: Agent
    ecs: Ecs

    async def says(self, status: int, word: str, within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    with contextlib.suppress(OSError):
                        reply = await get(self.port, "/readyz")
                        if reply.startswith(f"HTTP/1.1 {status} ") and f"\r\n\r\n{word} " in reply:
                            return True
                    await asyncio.sleep(0.02)
        return False

    async def gone(self, within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.process.wait(), within_s) == 0
        return False


@dataclass
class Conversation:
    call: Call
    talker: Talker
    ends_itself: bool  # the caller hangs up, not the agent


class House:
    """What stays while releases come and go."""

    def __init__(self, carrier: Carrier, plane: Plane, door: Door, tools: HttpPeer) -> None:
        self.carrier, self.plane, self.door, self.tools = carrier, plane, door, tools

    @contextlib.asynccontextmanager
    async def release(
        self,
        name: str,
        build: str = "",
        *,
        max_calls: int = 100,
        drain_s: int = DRAIN_S,
        module: str = BUILDS,
        serve: Callable[[Handler], LiveServer] = LiveServer,
        output: int | None = None,
        **more: str,
    ) -> AsyncIterator[Generation]:
        """`build`: one of tests.faults.broken.rolling, "" for what is sound. `module`: where it is found. `serve`:
        its model. `output`: a file for what it prints. `more`: settings."""
        port, agent = free_port(), Agent()
        async with serve(scripted(agent.play)) as model, Ecs() as ecs:
            settings = {
                "POKEA_BRIDGE_PORT": str(port), "POKEA_BRIDGE_WORKERS": "1", "POKEA_GEMINI_URL": model.url, "POKEA_RELEASE": name,
                "POKEA_DRAIN_S": str(drain_s), "POKEA_MAX_CALLS": str(max_calls), "ECS_AGENT_URI": ecs.uri, "POKEA_TOOLS_FUNCTION": "tools",
                "AWS_ENDPOINT_URL_LAMBDA": self.tools.url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_DEFAULT_REGION": "af-south-1", "SAUTIKIT_API_BASE": self.carrier.base_url,
                "SAUTIKIT_API_KEY": self.carrier.api_key,
            }  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                build,
                cwd=ROOT,
                env=environ(**{**settings, **more}),
                stdout=output,
                stderr=output,
            )
            generation = Generation(process, port, agent, ecs)
            try:
                assert await generation.says(200, "ready", 30)
                self.door.ports[name] = port
                yield generation
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def dial(self, count: int, every_s: float = 0.0, kind: Callable[[], Talker] = Talker) -> list[Conversation]:
        """People who ring one after another and have been greeted, or were not let in."""
        began = []
        for number in range(count):
            talker = kind()
            caller = f"{CALLER[:-4]}{len(self.carrier.calls):04}"
            began.append(
                Conversation(await self.carrier.dial(caller, LINE.number, talker), talker, ends_itself=number % 2 == 0)
            )
            await asyncio.sleep(every_s)
        async with asyncio.timeout(60):  # fifty of them on a small machine
            while any(not one.talker.heard_ms and one.call.is_live for one in began):  # noqa: ASYNC110  # the line's clock
                await asyncio.sleep(0.02)
        return began


@contextlib.asynccontextmanager
async def house(
    behaviour: str = "documented", *, has_door: bool = False, peer: Callable[[Any], HttpPeer] = HttpPeer
) -> AsyncIterator[House]:
    """`behaviour`: of the carrier. `has_door`: voice lets in whom a bridge has a seat for, on a clock that goes."""
    plane: Plane

    async def hook(request: Request) -> Response:
        handler = plane.voice if request.url.path == "/voice" else plane.events
        reply = handler(posted(request.url.path, await request.body()), None)
        return Response(reply["body"], reply["statusCode"], media_type="text/xml")

    app = Starlette(routes=[Route("/{rest:path}", hook, methods=["POST"])])
    server = RestServer(app, 0)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        async with Door() as door, Carrier("carrier-key", behaviour=behaviour) as carrier:
            clock: ManualClock = SystemClock() if has_door else ManualClock(NOW)  # type: ignore[assignment]  # both tell the time
            plane = Plane(door=door.url, hooks=url, has_door=has_door, clock=clock)
            async with peer(plane.door_of_tools) as tools:  # what stands before the tools function
                carrier.add_number(LINE.number, f"{url}/voice")
                yield House(carrier, plane, door, tools)
    finally:
        await server.stop()


@dataclass
class Roll:
    """One release replaced by another under `live` calls, while `fresh` people ring, some before SIGTERM and some after it.

    `ecs`: how its agent answers the old release, see EcsAgent; "expires": it grants, but refuses every renewal from the signal on until
    half of the calls are over, so that the protection lapses under the others.
    """

    live: int
    fresh: int
    build: str = ""
    ecs: str = "granted"
    breaches: list[str] = field(default_factory=list)

    async def run(self) -> None:
        async with house() as here, here.release(OLD, self.build) as old:
            old.ecs.answer = "granted" if self.ecs == "expires" else self.ecs
            before = await here.dial(self.live)
            old.ecs.live = lambda: sum(one.call.is_live for one in before)
            async with here.release(NEW) as new:
                here.plane.roll(NEW)
                after = await here.dial(self.fresh // 2, 0.2)
                if self.ecs == "expires":
                    old.ecs.answer = "blocked"
                told, heard_ms = len(old.ecs.heard), [one.talker.heard_ms for one in before]
                old.process.send_signal(signal.SIGTERM)
                self._check(await old.says(503, "draining", NOT_READY_WITHIN_S), "the old release stays ready")
                after += await here.dial(self.fresh - self.fresh // 2, 0.2)
                await self._all_leave(old, before)
                self._check(await old.gone(GONE_WITHIN_S), "the old release does not leave")
                self._old_ones(here, before, heard_ms)
                self._ecs(old.ecs, told)
                await self._new_ones(here, after)
                new.process.send_signal(signal.SIGTERM)
                self._check(await new.gone(GONE_WITHIN_S), "the new release does not leave")
            leases = here.plane.bookings.all_records(LEASE)
            self._check(len(leases) == 2 and all(lease.over for lease in leases), "a lease stands")

    async def _all_leave(self, old: Generation, before: list[Conversation]) -> None:
        """Each in its own time: callers soon, whom they talk to after two more answers."""
        for number, one in enumerate(before):
            if one.ends_itself:
                one.talker.leave_in(300 + 100 * (number % 8))
        old.model.may_end = True
        for number, one in enumerate(before):
            if self.ecs == "expires" and number == len(before) // 2:
                old.ecs.answer = "granted"
            with contextlib.suppress(TimeoutError):
                await one.call.ended(20)

    def _old_ones(self, here: House, before: list[Conversation], heard_ms: list[int]) -> None:
        bridges = {here.plane.opened.get(one.call.session_id) for one in before}
        self._check(len(bridges) == 1, "the old calls were not all on the old release")
        for one, known_ms in zip(before, heard_ms, strict=True):
            self._ended_well(here, one)
            since_ms = one.talker.heard_ms - known_ms
            if not one.ends_itself:  # the goodbye is heard to its end, too
                self._check(
                    since_ms >= (_ANSWERS_AT_LAST + 1) * _ANSWER_MS - 40, f"{since_ms} ms heard after the signal"
                )

    def _ended_well(self, here: House, one: Conversation) -> None:
        closing = here.plane.closings.closing(SessionId(one.call.session_id))
        reason, by = ("caller_hung_up", "party") if one.ends_itself else ("goodbye", "api")
        self._check(
            closing is not None and closing.reason == reason, f"closed as {closing and closing.reason}, not {reason}"
        )
        self._check(one.call.released_by == by, f"released by {one.call.released_by}, not {by}")
        self._check(one.talker.longest_wait_ms < DEAF_MS, f"{one.talker.longest_wait_ms} ms without an answer")
        self._check(len(one.call.streams) == 1, f"{len(one.call.streams)} streams")

    async def _new_ones(self, here: House, after: list[Conversation]) -> None:
        olds = {here.plane.opened[call.session_id] for call in here.carrier.calls[: self.live]}
        for one in after:
            self._check(one.call.is_live, "a new call was dropped")
            self._check(
                here.plane.opened.get(one.call.session_id) not in {None, *olds}, "a new call went to the old release"
            )
            one.ends_itself = True
            one.talker.leave_in(100)
        for one in after:
            await one.call.ended(20)
        async with asyncio.timeout(10):
            while any(here.plane.closings.closing(SessionId(one.call.session_id)) is None for one in after):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for one in after:
            self._ended_well(here, one)

    def _ecs(self, ecs: Ecs, told: int) -> None:
        asked = [said["ProtectionEnabled"] for said in ecs.heard]
        self._check(asked[:1] == [True], "protection was not asked for")
        if self.ecs not in {"granted", "expires"}:
            self._check(asked[:2] == [True, True], "protection was not asked for again")
            return
        wanted = 2 if self.ecs == "expires" else 1
        self._check(sum(asked[told:]) >= wanted, "protection was not renewed while it drained")
        self._check(ecs.early == 0, "protection was given back under calls")
        self._check(asked[-1:] == [False], "protection was kept at the end")

    def _check(self, holds: bool, breach: str) -> None:
        if not holds:
            self.breaches.append(breach)
