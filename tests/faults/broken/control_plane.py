"""Control planes with one safeguard taken out each. Every fault test must be seen to fail against the one that lacks its safeguard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest import mock

from functions.tools.operations import Operations
from pokea.adapters.control_settings import HookSettings
from pokea.adapters.deadline import Deadline
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.http_events import HookRequest
from pokea.adapters.tokens import StreamToken, TokenSigner
from pokea.calls import Call
from pokea.ids import SessionId
from pokea.profile import Profile
from pokea.sautikit import document
from pokea.sautikit.hooks import Hook, facts_of, oriented
from pokea.sautikit.register import CallRegister, Entry
from pokea.sautikit.replies import Reply, sets_up
from tests.support.control_plane import LINES, ControlPlane, CountingCallStore

T = TypeVar("T")


class SignatureSkipped(ControlPlane):
    """Looks at the path and forgets the signature."""

    def make_gate(self, settings: HookSettings) -> HookGate:
        class Gate(HookGate):
            def admit(self, request: HookRequest, now: datetime) -> None:
                if request.path_secret == "":
                    super().admit(request, now)

        return Gate(settings, self.secrets)


class SignatureOnDecodedText(ControlPlane):
    """Signs what a framework makes of the body, not the bytes that came: '+' and %27 no longer fit."""

    def make_gate(self, settings: HookSettings) -> HookGate:
        class Gate(HookGate):
            def admit(self, request: HookRequest, now: datetime) -> None:
                text = request.body.decode("utf-8", "replace").replace("+", " ").replace("%27", "'")
                super().admit(replace(request, body=text.encode()), now)

        return Gate(settings, self.secrets)


class WindowIgnored(ControlPlane):
    """Believes the time that a signature names."""

    def make_gate(self, settings: HookSettings) -> HookGate:
        class Gate(HookGate):
            def admit(self, request: HookRequest, now: datetime) -> None:
                t = request.signature.partition("t=")[2].partition(",")[0]
                super().admit(request, datetime.fromtimestamp(int(t), UTC) if t.isdigit() else now)

        return Gate(settings, self.secrets)


class TokenReusable(ControlPlane):
    """Checks the token and does not consume it."""

    def make_operations(self, **parts: Any) -> Operations:
        class Lax(Operations):
            def _opened(self, token: StreamToken, profile: Profile, now: datetime, relay: str) -> Call:
                call = self._stores().calls.call(token.session_id)
                assert call is not None
                return call

        return Lax(**parts)


class TokenEternal(ControlPlane):
    """Reads the token as if it had just been made."""

    def __post_init__(self) -> None:
        super().__post_init__()

        class Lax(TokenSigner):
            def read_stream_token(self, text: str, *, now: datetime, session_id: SessionId) -> StreamToken:
                import jwt

                issued = (
                    jwt.decode(text, options={"verify_signature": False}).get("iat", 0) if text.count(".") == 2 else 0
                )
                return super().read_stream_token(text, now=datetime.fromtimestamp(issued, UTC), session_id=session_id)

        self.signer = Lax(self.signer._key.decode())


class DedupeOff(ControlPlane):
    """Takes every delivery for a new one."""

    def __post_init__(self) -> None:
        class Store(CountingCallStore):
            def first_sight(self, session_id: SessionId, event_id: str, at: datetime) -> bool:
                return True

        self.calls = Store()
        super().__post_init__()


class LastHookWins(ControlPlane):
    """Believes that hooks come in order: each one sets the state, and every ring gets a fresh Stream document."""

    def make_register(self) -> CallRegister:
        class Naive(CallRegister):
            def enter(self, hook: Hook, now: datetime, *, is_asked: bool = False) -> Entry:
                hook = oriented(hook, LINES)
                assert hook.session_id is not None
                facts = facts_of(hook, now)
                fresh = self._new_call(hook, hook.session_id, facts, now)
                assert fresh is not None
                known = self._store.create_call(fresh)
                newest = replace(fresh, version=known.version, stream_issued_at=now)
                self._store.put_call(newest)
                reply = Reply.STREAM if sets_up(hook.state) else Reply.EMPTY
                return Entry(reply=reply, line=self.line_of_call(newest), call=newest)

        return Naive(self.calls, LINES)


class Patient(ControlPlane):
    """Waits for the store however long it takes."""

    def make_deadline(self) -> Deadline:
        class Endless(Deadline):
            def run(self, work: Callable[[], T], seconds: float | None = None) -> T:
                return work()

        return Endless(self.voice_deadline_s)


@contextmanager
def controls_let_through() -> Iterator[None]:
    """Documents as the standard library's writer makes them, which lets U+000B and lone surrogates through."""
    with mock.patch.object(document, "xml_text", lambda text: text):
        yield


@contextmanager
def markup_pasted_in() -> Iterator[None]:
    """Documents put together from strings."""

    def pasted(response: Any) -> bytes:
        def text(element: Any) -> str:
            inside = "".join(text(child) for child in element) + (element.text or "")
            attributes = "".join(f' {name}="{value}"' for name, value in element.attrib.items())
            return f"<{element.tag}{attributes}>{inside}</{element.tag}>"

        return text(response).encode("utf-8", "replace")

    with mock.patch.object(document, "_bytes", pasted):
        yield
