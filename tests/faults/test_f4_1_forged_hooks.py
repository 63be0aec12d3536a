"""F4.1: 5,000 forged hooks are refused and leave no trace; 300 authentic ones all pass, however they are wrapped."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.broken.control_plane import SignatureOnDecodedText, SignatureSkipped
from tests.support.control_plane import (
    CALLER,
    LINE,
    NOW,
    PATH_SECRET,
    ControlPlane,
    CountingCallStore,
    carrier_signature,
    encoded,
    form,
    posted,
)
from tests.support.sizes import examples

NEW_SECRET, OLD_SECRET, RETIRED_SECRET = "whsec_new_secret", "whsec_old_secret", "whsec_retired_secret"
SETTINGS = {"POKEA_WEBHOOK_AUTH": "signature+path", "SAUTIKIT_WEBHOOK_SECRET": f"{NEW_SECRET},{OLD_SECRET}"}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CANARY = "canary%27s+note"
MUTANTS, VECTORS, SEED = examples(500, 5_000), examples(100, 300), 20_261_123
Event = dict[str, Any]


def plane_of(kind: type[ControlPlane]) -> ControlPlane:
    return kind(calls=CountingCallStore(), environ=SETTINGS)


def refused(plane: ControlPlane, event: Event) -> bool:
    handler = plane.voice if event["routeKey"] in ("POST /", "POST /voice") else plane.events
    return handler(event, None)["statusCode"] in (401, 403)


def touched(plane: ControlPlane) -> int:
    assert isinstance(plane.calls, CountingCallStore)
    return plane.calls.touched


def bodies(draw: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """(path, content type, body), all of them real hooks."""
    while True:
        session = f"HD_{draw.getrandbits(48):012x}"
        note = draw.choice([CANARY, "Wanjikũ", "\U0001f600", "a+b c", "it's", "x" * 40])
        fields = form("Ringing", sessionId=session, note=note)
        yield "/voice", FORM, encoded(fields, FORM)
        yield (
            "/",
            FORM,
            f"sessionId={session}&callerNumber={CALLER}&destinationNumber={LINE.number}&note={CANARY}".encode(),
        )
        event = {
            "kind": "call.started",
            "event_id": session,
            "data": {"pbx_call_id": session, "note": note, "to": LINE.number},
        }
        yield "/call-events", JSON, json.dumps(event, ensure_ascii=False).encode()
        yield "/stream-status", JSON, json.dumps({**fields, "streamEvent": "stream-started"}).encode()


def digest(message: bytes, secret: str = NEW_SECRET) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def flipped(raw: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(7))]) + raw[at + 1 :]


def forgery(draw: random.Random, path: str, content_type: str, body: bytes) -> Event:
    """An authentic hook with one thing wrong about it."""
    good = carrier_signature(body, NEW_SECRET)["x-sautikit-signature"]
    wrong = draw.randrange(4)
    if wrong == 0:
        return _posted(path, draw.choice(OTHER_BYTES)(body, draw), good, "application/octet-stream")
    if wrong == 1:
        secret = draw.choice([None, PATH_SECRET[:-1], PATH_SECRET + "0", PATH_SECRET.swapcase(), "a" * 23])
        return _posted(path, body, good, content_type, secret)
    return _posted(path, body, draw.choice(OTHER_HEADERS)(good, body, draw), content_type)


def _posted(path: str, body: bytes, signature: str, content_type: str, secret: str | None = PATH_SECRET) -> Event:
    return posted(path, body, secret=secret, content_type=content_type, headers={"x-sautikit-signature": signature})


T = str(int(NOW.timestamp()))
WRONG_SECRETS = (RETIRED_SECRET, PATH_SECRET, "")
OTHER_BYTES: list[Callable[[bytes, random.Random], bytes]] = [
    flipped,
    flipped,
    flipped,
    lambda body, draw: body + draw.choice([b" ", b"\n", b"&", b"\x00"]),
    lambda body, draw: base64.b64encode(body),  # the wrapping taken for the body
    lambda body, draw: body[:-1],
]
OTHER_HEADERS: list[Callable[[str, bytes, random.Random], str]] = [
    lambda good, body, draw: flipped(good.encode(), draw).decode(),
    lambda good, body, draw: flipped(good.encode(), draw).decode(),
    lambda good, body, draw: good.replace(f"t={T}", f"t={int(T) + draw.choice([-9, -1, 1, 9])}"),
    lambda good, body, draw: f"t={T},v1={digest(T.encode() + b'.' + body)}",
    lambda good, body, draw: good.replace("v1=", "v2="),
    lambda good, body, draw: digest(body),
    lambda good, body, draw: carrier_signature(body, draw.choice(WRONG_SECRETS))["x-sautikit-signature"],
    lambda good, body, draw: draw.choice(["", " ", ",", "t=,v1=", f"t={T}", f"v1={digest(body)}", f"t={T},v1="]),
    lambda good, body, draw: good + "," + "x" * 10_240,
    lambda good, body, draw: good.upper(),
    lambda good, body, draw: good.replace("v1=", "v1= 0"),
]


def check_forgeries(plane: ControlPlane, count: int) -> None:
    draw = random.Random(SEED)
    source = bodies(draw)
    for number in range(count):
        event = forgery(draw, *next(source))
        assert refused(plane, event), (SEED, number, event)
    assert touched(plane) == 0
    logged = plane.logged.getvalue()
    assert logged.count("hook refused") == count
    assert not any(canary in logged for canary in (CANARY, CALLER, NEW_SECRET, PATH_SECRET, "v1="))


def check_authentic(plane: ControlPlane, count: int) -> None:
    draw = random.Random(SEED)
    source = bodies(draw)
    for number in range(count):
        path, content_type, body = next(source)
        wrapping = draw.choice([content_type, "application/octet-stream"]) if content_type == JSON else content_type
        secret = draw.choice([NEW_SECRET, OLD_SECRET])
        event = posted(path, body, content_type=wrapping, headers=carrier_signature(body, secret))
        assert not refused(plane, event), (SEED, number, event)
    assert touched(plane) >= count / 2


@pytest.mark.usefixtures("capsys")
def test_forged_hooks_are_refused_and_leave_no_trace() -> None:
    check_forgeries(plane_of(ControlPlane), MUTANTS)


@pytest.mark.usefixtures("capsys")
def test_authentic_hooks_pass_with_either_secret_and_in_every_wrapping() -> None:
    check_authentic(plane_of(ControlPlane), VECTORS)


def test_a_secret_holds_until_its_rotation_is_over() -> None:
    body = encoded(form("Ringing"), FORM)
    event = posted("/voice", body, headers=carrier_signature(body, OLD_SECRET))
    assert not refused(plane_of(ControlPlane), event)
    after = ControlPlane(calls=CountingCallStore(), environ={**SETTINGS, "SAUTIKIT_WEBHOOK_SECRET": NEW_SECRET})
    assert refused(after, event)
    assert touched(after) == 0


@pytest.mark.usefixtures("capsys")
def test_the_check_sees_a_build_that_skips_the_signature() -> None:
    with pytest.raises(AssertionError):
        check_forgeries(plane_of(SignatureSkipped), 200)


@pytest.mark.usefixtures("capsys")
def test_the_check_sees_a_build_that_signs_decoded_text() -> None:
    with pytest.raises(AssertionError):
        check_authentic(plane_of(SignatureOnDecodedText), 40)
