"""A telephone at the terminal: carries one party's sound to and from the running carrier and shows what is said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import wave
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from local.audio.analysis import speech_segments
from local.audio.recording import StereoRecorder
from local.caller import ManualCaller, Persona, Rule, ScriptedCaller
from local.carrier.machines import GREETINGS, AnsweringMachine, Kind, apparatus
from local.demo.tap import RecordTap
from local.speech.resample import resample
from local.speech.voice import Voice

if TYPE_CHECKING:
    from local.cli.call import Address, CallOptions

RATE_HZ = 16_000
FRAME_SAMPLES = 320
FRAME_S = 0.020
LOOK_AGAIN_S = 0.2
WAV_PATIENCE_MS = 15_000  # how long a played caller waits for the agent's last words
HELLO = "hello"  # of whoever is rung: the agent listens first


class PhoneGone(Exception):
    """The call could not be placed; the message says why and what to do."""


class Party(Protocol):
    @property
    def hung_up(self) -> bool: ...
    def answered(self) -> None: ...
    def speak(self, samples: int) -> bytes: ...
    def hear(self, pcm: bytes) -> None: ...
    def ended(self) -> None: ...


def read_wav(path: Path) -> bytes:
    """A WAV file as 16 kHz mono PCM16LE. Raises PhoneGone for anything else than mono 16-bit."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2:
                raise PhoneGone(
                    f"{path}: not a mono 16-bit WAV; convert it with: sox {path} -c 1 -b 16 -r 16000 out.wav"
                )
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            rate_hz = file.getframerate()
    except (OSError, wave.Error, EOFError) as problem:
        raise PhoneGone(f"{path}: cannot be read as WAV ({problem})") from None
    if rate_hz == RATE_HZ:
        return samples.tobytes()
    scaled = resample(samples.astype(np.float32) / np.float32(32768), rate_hz, RATE_HZ)
    return np.clip(np.rint(scaled * 32767), -32768, 32767).astype("<i2").tobytes()


def _audible_s(pcm: bytes) -> float:
    spoken = speech_segments(np.frombuffer(pcm, dtype="<i2"), RATE_HZ)
    return sum(segment.duration_ms for segment in spoken) / 1000


class Phone:
    """One call from or to the terminal."""

    def __init__(self, options: CallOptions, address: Address) -> None:
        self._options, self._address = options, address
        self._tap = RecordTap(address.records_dir)
        self._shown = 0
        self._answered = False
        self._end: dict[str, Any] = {}
        self._machine: AnsweringMachine | None = None

    async def talk(self) -> int:
        """0 once the call is over; raises PhoneGone if it never began."""
        options = self._options
        async with contextlib.AsyncExitStack() as stack:
            voice = stack.enter_context(Voice())
            party = await self._party(voice, stack)
            recorder = StereoRecorder(options.record) if options.record else None
            if recorder:
                stack.callback(recorder.close)
            base = self._address.carrier_url.replace("http://", "ws://")
            async with connect(
                f"{base}/_sim/phone?{urlencode(self._query())}", compression=None, max_queue=None
            ) as socket:
                if options.outbound:
                    await self._ask_to_be_rung()
                await self._carry(socket, party, recorder)
        await self._show_end()
        return 0

    def _query(self) -> dict[str, str]:
        options = self._options
        if options.outbound:
            return {"answer": options.number}
        return {"from": options.caller, "to": options.number, "behaviour": options.carrier}

    async def _party(self, voice: Voice, stack: contextlib.AsyncExitStack) -> Party:
        options = self._options
        if options.answered_by != "person":
            return await self._apparatus(voice)
        lines = [*options.say, *(options.script.read_text(encoding="utf-8").splitlines() if options.script else ())]
        lines = [line.strip() for line in lines if line.strip()]
        if lines:
            rules = [Rule("", line, times=1) for line in lines]
            persona = Persona(name="", number=options.caller)
            greeting = HELLO if options.outbound else ""
            scripted = ScriptedCaller(rules, voice, persona, self._tap.agent_words, greeting=greeting)
            await scripted.prepare()
            return scripted
        if options.wav:
            played = ManualCaller(hang_up_after_quiet_ms=WAV_PATIENCE_MS, barges_in=True)
            played.play(read_wav(options.wav))
            return played
        caller = ManualCaller(voice, Persona(name="", number=options.caller), barges_in=True)
        self._listen_to_keyboard(caller, stack)
        return caller

    async def _apparatus(self, voice: Voice) -> Party:
        kind = cast(Kind, self._options.answered_by)
        found = apparatus(kind, await voice.say(GREETINGS["en"]) if kind == "machine" else b"")
        if isinstance(found, AnsweringMachine):
            self._machine = found
        return found

    def _listen_to_keyboard(self, caller: ManualCaller, stack: contextlib.AsyncExitStack) -> None:
        print("Type what you want to say and press Enter; Ctrl-D hangs up.", flush=True)
        loop = asyncio.get_running_loop()
        speaking: set[asyncio.Task[None]] = set()

        def typed() -> None:
            line = sys.stdin.readline()
            if not line:
                loop.remove_reader(sys.stdin)
                caller.hang_up()
            elif line.strip():
                task = loop.create_task(caller.say(line.strip()))
                speaking.add(task)
                task.add_done_callback(speaking.discard)

        loop.add_reader(sys.stdin, typed)
        stack.callback(loop.remove_reader, sys.stdin)

    async def _ask_to_be_rung(self) -> None:
        """`POST /calls` with the key that `pokea up` made for this machine."""
        key = json.loads((self._options.state / "api_keys.json").read_text(encoding="utf-8"))
        business = self._options.business or next(iter(key))
        if business not in key:
            raise PhoneGone(f"--business: {business!r} is not one of {', '.join(key)}")
        async with httpx.AsyncClient(base_url=self._address.gateway_url, timeout=10) as client:
            reply = await client.post(
                "/calls",
                json={"to": self._options.number, "context": dict(self._options.context)},
                headers={"Authorization": f"Bearer {key[business]}"},
            )
        if reply.status_code != 202:
            raise PhoneGone(f"{business} could not place the call: {reply.status_code} {reply.text}")
        self._tap.session_id = reply.json().get("session_id") or ""

    async def _carry(self, socket: ClientConnection, party: Party, recorder: StereoRecorder | None) -> None:
        """Until either side is gone: 20 ms out on an absolute schedule, whatever comes in to the party's ear."""
        heard: deque[bytes] = deque(maxlen=500)
        reading = asyncio.create_task(self._read(socket, party, heard))
        showing = asyncio.create_task(self._show())
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while not reading.done() and not party.hung_up:
                due += FRAME_S
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not self._answered:
                    continue  # it still rings: what is said now nobody hears
                said = party.speak(FRAME_SAMPLES)
                await socket.send(said)
                if recorder and heard:
                    recorder.add(said, heard.popleft())
            if not reading.done():
                await socket.send(json.dumps({"event": "hang_up"}))
                await asyncio.wait({reading}, timeout=5)
        except ConnectionClosed:
            await asyncio.wait({reading}, timeout=1)
        finally:
            for task in (reading, showing):
                task.cancel()
            party.ended()
        if reading.done() and not reading.cancelled():
            reading.result()

    async def _read(self, socket: ClientConnection, party: Party, heard: deque[bytes]) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                if isinstance(message, bytes):
                    party.hear(message)
                    heard.append(message)
                    continue
                event = json.loads(message)
                match event["event"]:
                    case "refused":
                        raise PhoneGone(event["message"])
                    case "ringing":
                        self._tap.session_id = event["session_id"]
                    case "answered":
                        self._answered = True
                        party.answered()
                    case "ended":
                        self._end = event
                        return

    async def _show(self) -> None:
        while True:
            self._show_new()
            await asyncio.sleep(LOOK_AGAIN_S)

    def _show_new(self) -> None:
        events = self._tap.events()
        for event in events[self._shown :]:
            if self._options.as_json:
                print(json.dumps(event), flush=True)
            elif event["event"] in ("agent_said", "caller_said"):
                who = "agent " if event["event"] == "agent_said" else "caller"
                print(f"  {who}  {event['text']}", flush=True)
            elif event["event"] == "tool_returned":
                print(f"          [{event['tool']}: {event['status']}]", flush=True)
            elif event["event"] == "answered_by":
                print(f"          [answered by: {event['answered_by']}, {event['cue']}]", flush=True)
        self._shown = len(events)

    async def _show_end(self) -> None:
        await self._tap.whole(within_s=2.0)
        self._show_new()
        if not self._options.as_json:
            print(
                f"  call {self._tap.session_id} over: {self._end.get('status', 'put down')}, {self._end.get('duration_s') or 0} s"
            )
            if self._machine is not None:
                print(f"  the machine has recorded {_audible_s(self._machine.recorded):.1f} s of speech")
