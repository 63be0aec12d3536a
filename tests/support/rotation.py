"""A control plane of several environments per function, as on Lambda: each keeps its own copy of the secrets, for its own five minutes.

The steps by which a secret is replaced are read from docs/secrets.md; `Floor` does them while
calls begin, use their tools, report and end.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.stream_status import app as stream_status_app
from functions.stream_status.desk import Books, EventDesk
from functions.tools import app as tools_app
from functions.voice import app as voice_app
from functions.voice.reception import Addresses, Reception
from pokea.adapters.control_settings import HookSettings, hook_url
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.secrets import CACHE_S, Secrets
from pokea.adapters.settings import load
from pokea.adapters.tokens import TokenSigner, signer_of
from pokea.ids import SessionId
from tests.support.control_plane import ControlPlane, Event, carrier_signature, form, posted, token_in

PAGE = Path(__file__).resolve().parents[2] / "docs/secrets.md"
PUBLIC_URL = "https://api.example.com"
TICK_S = 30
NO_EVIDENCE: dict[str, object] = {"at_ms": 0, "read_back": None, "caller_turns": []}
ENVIRONMENTS = 3


def steps_of(heading: str) -> list[str]:
    """The numbered lines under `heading` on the page."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert section is not None, heading
    return re.findall(r"^\d+\. (.+)$", section[1], re.M)


Signers = Callable[[Secrets], TokenSigner]


class Rotating(ControlPlane):
    """`book`: the secret as it stands in Secrets Manager. `signers`, `cache_s`: how environments make use of it."""

    def __init__(self, book: dict[str, str], signers: Signers = signer_of, cache_s: float = CACHE_S) -> None:
        self.book, self._signers, self._cache_s = book, signers, cache_s
        self._reads: Secrets = Secrets({})
        super().__init__()
        self.environments = [self.environment() for _ in range(ENVIRONMENTS)]

    def make_operations(self, **parts: Any) -> Any:
        secrets = self._reads
        return super().make_operations(**{**parts, "signer": lambda: self._signers(secrets)})

    def environment(self) -> Environment:
        settings = load(HookSettings, {"POKEA_CORE_TABLE": "core", "POKEA_WEBHOOK_AUTH": "signature+path"})
        voice, events, self._reads = (self._copy() for _ in range(3))
        reception = Reception(
            gate=HookGate(settings, voice),
            register=lambda: self.register,
            lines=self.numbers,
            signer=lambda: self._signers(voice),
            addresses=Addresses(
                "wss://media.example.com", "r1", 60, lambda: hook_url(settings, voice, PUBLIC_URL, "/stream-status")
            ),
            clock=self.clock,
            log=self._log("voice"),
            ended=self._ended,
        )
        books = Books(self.calls, self.register, self.callbacks, self._ended)
        gate = HookGate(settings, events)
        desk = EventDesk(gate=gate, books=lambda: books, clock=self.clock, log=self._log("stream_status"))
        tools = self.tools_parts()
        return Environment(
            voice_app.make_handler(lambda: reception, self._log("voice")),
            stream_status_app.make_handler(lambda: desk, self._log("stream_status")),
            tools_app.make_handler(lambda: tools, self._log("tools")),
        )

    def _copy(self) -> Secrets:
        return Secrets(
            {},
            secret_id="pokea",
            fetch=lambda _: json.dumps(self.book),
            wall_s=lambda: self.clock.now().timestamp(),
            cache_s=self._cache_s,
        )


@dataclass(frozen=True)
class Environment:
    voice: Callable[[Event, Any], dict[str, Any]]
    events: Callable[[Event, Any], dict[str, Any]]
    tools: Callable[[Any, Any], dict[str, Any]]


@dataclass
class Line:
    """A call that is under way. `path`: where its number pointed to when it rang; `status`: where its stream reports to."""

    session_id: SessionId
    path: str
    status: str
    token: str
    left_s: int


@dataclass
class Floor:
    """`live` calls at any time, half of them long and half of some minutes, each of which reports by the paths that it was given."""

    name: str
    live: int
    seed: int = 0
    signers: Signers = signer_of
    cache_s: float = CACHE_S
    leap_s: int = 7_200  # over what is not looked at in a wait of hours
    breaches: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.old: Mapping[str, str] = {name: f"old-{name}-{self.seed:032d}" for name in BOOK}
        self.new = {**self.old, self.name: f"new-{self.name}-{self.seed:032d}"}
        self.plane = Rotating(dict(self.old), self.signers, self.cache_s)
        self.signs_with, self.path = self.old[BOOK[2]], self.old[BOOK[1]]
        self.lines: list[Line] = []
        self.count = 0

    def follow(self, steps: Sequence[str]) -> None:
        self.pass_time(600)
        for step in steps:
            if setting := re.fullmatch(r"Set `(\w+)` to `([a-z,]+)`\.", step):
                assert setting[1] == self.name
                values = {"old": self.old[self.name], "new": self.new[self.name]}
                self.plane.book[self.name] = ",".join(values[word] for word in setting[2].split(","))
                self.pass_time(TICK_S)
            elif wait := re.fullmatch(r"Wait (\d+) (minutes|hours)\.", step):
                self.pass_time(int(wait[1]) * {"minutes": 60, "hours": 3_600}[wait[2]])
            elif step.startswith("Point each number to the new path: `pokea numbers route"):
                self.path = self.new[self.name]
            elif step == "Let the carrier sign with the new secret.":
                self.signs_with = self.new[self.name]
            else:
                raise AssertionError(f"nobody knows how to do this: {step}")
        self.pass_time(900)

    def pass_time(self, seconds: int) -> None:
        """Second by second it would last too long: what happens in the first quarter of an hour and later on now and then is looked at."""
        passed = 0
        while passed < seconds:
            self._tick()
            passed += TICK_S
            if passed > 900 and (leap := min(self.leap_s, seconds - passed)) > 0:
                for line in [line for line in self.lines if line.left_s <= leap]:
                    self._end(line)
                self.plane.clock.advance(leap)
                passed += leap
                for line in self.lines:
                    line.left_s -= leap

    def _tick(self) -> None:
        plane = self.plane
        if self.draw.random() < 0.2:  # environments come and go, but the first one stays
            plane.environments[self.draw.randrange(1, ENVIRONMENTS)] = plane.environment()
        for line in [line for line in self.lines if line.left_s <= 0]:
            self._end(line)
        coming = [self._ring() for _ in range(self.live - len(self.lines))]
        plane.clock.advance(TICK_S)
        for session_id, path, document in coming:
            self._open(session_id, path, document)
        for line in self.lines:
            line.left_s -= TICK_S
            request = {
                "operation": "tool",
                "call_token": line.token,
                "tool_call_id": "t",
                "tool": "endCall",
                "arguments": {},
            }
            self._tell(line, {**request, "evidence": NO_EVIDENCE})

    def _ring(self) -> tuple[SessionId, str, str]:
        self.count += 1
        session_id = SessionId(f"HD_{self.count:012x}")
        return session_id, self.path, self._hook("voice", "/voice", self.path, "Ringing", session_id)

    def _open(self, session_id: SessionId, path: str, document: str) -> None:
        request = {"operation": "open", "session_id": session_id, "token": token_in(document), "bridge": "b1"}
        answer = self._one().tools(request, None)
        if not answer["ok"]:
            self.breaches.append(f"a stream was refused: {answer['error']}")
            return
        status = re.search(rf"{PUBLIC_URL}/stream-status/([^\"&]+)", document)
        assert status is not None
        token = str(answer["result"]["call_token"])
        self.lines.append(
            Line(
                session_id,
                path,
                status[1],
                token,
                2_700 if self._long() < self.live // 2 else self.draw.randrange(60, 300),
            )
        )

    def _long(self) -> int:
        return sum(line.left_s > 300 for line in self.lines)

    def _end(self, line: Line) -> None:
        close = {
            "operation": "close",
            "call_token": line.token,
            "reason": "goodbye",
            "duration_ms": 1_000,
            "transcript": [],
        }
        self._tell(line, close)
        self._hook("events", "/stream-status", line.status, "StreamStopped", line.session_id)
        self._hook("voice", "/voice", line.path, "Completed", line.session_id)
        self.lines.remove(line)

    def _tell(self, line: Line, request: Mapping[str, Any]) -> None:
        answer = self._one().tools(request, None)
        if not answer["ok"]:
            self.breaches.append(f"{request['operation']} of a live call was refused: {answer['error']}")

    def _hook(self, door: str, route: str, path: str, state: str, session_id: SessionId) -> str:
        event = posted(route, form(state, sessionId=session_id), secret=path)
        body = _raw(event)
        event["headers"] |= carrier_signature(body, self.signs_with, self.plane.clock.now())
        answer = getattr(self._one(), door)(event, None)
        if answer["statusCode"] not in (200, 204):
            self.breaches.append(f"{state} was refused: {answer['statusCode']}")
        return str(answer.get("body", ""))

    def _one(self) -> Environment:
        return self.draw.choice(self.plane.environments)


BOOK = ("POKEA_TOKEN_KEY", "POKEA_WEBHOOK_PATH_SECRET", "SAUTIKIT_WEBHOOK_SECRET")


def _raw(event: Event) -> bytes:
    return b64decode(event["body"]) if event["isBase64Encoded"] else str(event["body"]).encode()
