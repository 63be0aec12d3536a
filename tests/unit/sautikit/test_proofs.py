"""What a hook brings is said of it, whatever was asked of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pokea.sautikit.signature import HookGuard, WebhookAuth, sign
from tests.support.control_plane import PATH_SECRET, SIGNING_SECRET, ControlPlane, carrier_signature, form, posted

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BODY = b"sessionId=HD_1"
GOOD = sign(BODY, SIGNING_SECRET, NOW)


@pytest.mark.parametrize(
    ("secrets", "path", "signature", "proof"),
    [
        ((), PATH_SECRET, "", "path"),
        ((), PATH_SECRET, GOOD, "path+unchecked"),
        ((), "wrong", GOOD, "unchecked"),
        ((SIGNING_SECRET,), PATH_SECRET, GOOD, "path+signature"),
        (("whsec_new", SIGNING_SECRET), "", GOOD, "signature"),
        ((SIGNING_SECRET,), PATH_SECRET, "t=1,v1=" + "0" * 64, "path"),
        ((SIGNING_SECRET,), "", "", ""),
    ],
)
def test_a_proof_names_what_holds(secrets: tuple[str, ...], path: str, signature: str, proof: str) -> None:
    guard = HookGuard(WebhookAuth.PATH, (PATH_SECRET,), secrets)
    assert guard.proof(BODY, path_secret=path, signature=signature, now=NOW) == proof


def logged(plane: ControlPlane, message: str) -> dict[str, object]:
    lines = [json.loads(line) for line in plane.logged.getvalue().splitlines()]
    return next(line for line in lines if line.get("message") == message)


@pytest.mark.parametrize("is_signed", [False, True])
def test_the_voice_function_logs_the_proof_of_a_live_hook(is_signed: bool) -> None:
    plane = ControlPlane(environ={"SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET} if is_signed else {})
    fields = form("Ringing")
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in fields.items()).encode()
    headers = carrier_signature(body) if is_signed else {}
    plane.voice(posted("/voice", body, headers=headers), None)
    assert logged(plane, "hook answered")["proof"] == ("path+signature" if is_signed else "path")


@pytest.mark.parametrize(("agent", "sender"), [("Sautikit-VoiceProxy", "carrier"), ("curl/8", "other")])
def test_a_refused_hook_is_logged_with_who_says_to_have_sent_it(agent: str, sender: str) -> None:
    plane = ControlPlane()
    plane.voice(posted("/voice", form("Ringing"), secret="wrong", headers={"user-agent": agent}), None)
    assert logged(plane, "hook refused")["sender"] == sender
