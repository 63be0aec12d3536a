"""Hook signatures against vectors worked out with another implementation (openssl dgst -sha256 -hmac), so a shared mistake shows.

printf '%s.%s' "$body" "$t" | openssl dgst -sha256 -hmac "$secret"
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pokea.errors import Unauthorized
from pokea.sautikit.signature import HookGuard, WebhookAuth, is_signed, sign

SECRET = "whsec_0123456789abcdef"
T = 1_795_000_000
AT = datetime.fromtimestamp(T, UTC)
VECTORS = [
    (b"", "ce140a8515cff1fda62dd8dd0a4ce049176a949c3657f3d699930faf21f1da27"),
    (
        b"sessionId=HD_0a1b2c3d4e5f&callerNumber=%2B254700000001&callSessionState=Ringing",
        "ee9b2d762c11739384cec2d49fc09e60e7cc0c5d35e1aa2812edfcd08778c3bf",
    ),
    (
        b'{"kind":"call.completed","data":{"note":"it%27s + done"}}',
        "2e25a039ec09e667edbf47ff5bf8dd8a381ee1831d983e3b8fae26c6175f60ac",
    ),
    ('{"name":"Wanjik\u0169 \U0001f600"}'.encode(), "61ab73a7ad5cfa491199aae3d91db1bee1c92bd4364ef1dcd8439d44eeb4af25"),
    (bytes(range(256)), "c74de4cce17b518766eb1815ca4295d79cfc4c4f27db4ce1247480e273af1600"),
]


@pytest.mark.parametrize(("body", "digest"), VECTORS, ids=["empty", "form", "json", "unicode", "bytes"])
def test_the_vectors_hold_both_ways(body: bytes, digest: str) -> None:
    assert sign(body, SECRET, AT) == f"t={T},v1={digest}"
    assert is_signed(body, f"t={T},v1={digest}", [SECRET], AT)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 299, 300])
def test_within_five_minutes_a_signature_holds(seconds: int) -> None:
    assert is_signed(b"x", sign(b"x", SECRET, AT), [SECRET], AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 3_600, 30 * 86_400])
def test_beyond_five_minutes_it_does_not(seconds: int) -> None:
    assert not is_signed(b"x", sign(b"x", SECRET, AT), [SECRET], AT + timedelta(seconds=seconds))


def test_while_a_secret_is_rotated_both_hold_and_afterwards_only_the_new_one() -> None:
    old, new = sign(b"x", "whsec_old", AT), sign(b"x", "whsec_new", AT)
    assert is_signed(b"x", old, ["whsec_new", "whsec_old"], AT)
    assert is_signed(b"x", new, ["whsec_new", "whsec_old"], AT)
    assert not is_signed(b"x", old, ["whsec_new"], AT)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.replace("v1=", "v2="),
        lambda h: h.replace("t=", "T="),
        lambda h: h.partition(",")[2],
        lambda h: h.partition(",")[0],
        lambda h: h.upper(),
        lambda h: h + ",t=1795000001",
        lambda h: h[:-1],
        lambda h: h + "0",
        lambda h: h.replace("t=", "t=-"),
        lambda h: h.partition("v1=")[2],
        lambda h: "",
    ],
)
def test_a_header_of_another_shape_is_no_signature(change: object) -> None:
    header = change(sign(b"x", SECRET, AT))  # type: ignore[operator]
    assert not is_signed(b"x", header, [SECRET], AT)


def test_versions_that_are_not_known_are_passed_over() -> None:
    assert is_signed(b"x", sign(b"x", SECRET, AT) + ",v2=abc,v1=" + "0" * 64, [SECRET], AT)


def guard(mode: WebhookAuth, **rules: object) -> HookGuard:
    return HookGuard(mode=mode, **rules)  # type: ignore[arg-type]


def admits(rules: HookGuard, *, path: str = "", signature: str = "", body: bytes = b"x") -> bool:
    try:
        rules.admit(body, path_secret=path, signature=signature, now=AT)
    except Unauthorized:
        return False
    return True


PATH = "a-path-secret-of-enough-length"
SIGNED = sign(b"x", SECRET, AT)


def test_path_alone_needs_the_path() -> None:
    rules = guard(WebhookAuth.PATH, path_secrets=[PATH])
    assert admits(rules, path=PATH)
    assert not admits(rules) and not admits(rules, path=PATH + "x") and not admits(rules, signature=SIGNED)


def test_a_signature_is_demanded_wherever_a_secret_is_configured() -> None:
    rules = guard(WebhookAuth.PATH, path_secrets=[PATH], signing_secrets=[SECRET])
    assert admits(rules, path=PATH, signature=SIGNED)
    assert not admits(rules, path=PATH) and not admits(rules, signature=SIGNED)


def test_signature_alone_needs_no_path() -> None:
    rules = guard(WebhookAuth.SIGNATURE, signing_secrets=[SECRET])
    assert admits(rules, signature=SIGNED) and admits(rules, signature=SIGNED, path="anything")
    assert not admits(rules) and not admits(rules, path=PATH)


def test_signature_and_path_need_both() -> None:
    rules = guard(WebhookAuth.SIGNATURE_AND_PATH, path_secrets=[PATH], signing_secrets=[SECRET])
    assert admits(rules, path=PATH, signature=SIGNED)
    assert not admits(rules, path=PATH) and not admits(rules, signature=SIGNED)


def test_bare_hex_counts_only_where_it_is_switched_on() -> None:
    import hashlib
    import hmac

    bare = hmac.new(SECRET.encode(), b"x", hashlib.sha256).hexdigest()
    assert not admits(guard(WebhookAuth.SIGNATURE, signing_secrets=[SECRET]), signature=bare)
    assert admits(guard(WebhookAuth.SIGNATURE, signing_secrets=[SECRET], bare_hex=True), signature=bare)
    assert not admits(guard(WebhookAuth.SIGNATURE, signing_secrets=[SECRET], bare_hex=True), signature=bare[::-1])


@pytest.mark.parametrize(
    "rules",
    [
        HookGuard(WebhookAuth.PATH),
        HookGuard(WebhookAuth.PATH, path_secrets=["short"]),
        HookGuard(WebhookAuth.SIGNATURE),
        HookGuard(WebhookAuth.SIGNATURE_AND_PATH, path_secrets=[PATH]),
    ],
)
def test_rules_without_a_usable_secret_admit_nobody(rules: HookGuard) -> None:
    assert rules.problem() is not None
    assert not admits(rules, path="short") and not admits(rules, path=PATH, signature=SIGNED) and not admits(rules)
