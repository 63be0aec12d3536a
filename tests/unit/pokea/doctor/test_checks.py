"""Every check on what could be seen: sound, wrong in each known way, and not to be seen at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pokea.billing.wallet import Standing as WalletStanding
from pokea.doctor.carrier import (
    Answer,
    ClockSample,
    ClockSeen,
    NumbersSeen,
    WalletSeen,
    WebhookSeen,
    check_clock,
    check_numbers,
    check_wallet,
    check_webhook,
    satisfied,
)
from pokea.doctor.findings import CHECKS, TROUBLES, Finding, Standing, fails, fine, found, unseen
from pokea.doctor.media import BridgeSeen, EngineSeen, check_bridge, check_model
from pokea.doctor.setup import (
    AwsSeen,
    BusinessSeen,
    ClipsSeen,
    Part,
    ProfilesSeen,
    SettingsSeen,
    check_aws,
    check_clips,
    check_profiles,
    check_settings,
)
from pokea.phone_numbers import E164
from pokea.sautikit.number_routes import OwnedNumber, Route

NUMBER = E164("+254711000001")
SECRET, OLDER, STRANGE = "a-path-secret-of-now", "a-path-secret-of-old", "a-path-secret-of-nobody"
HERE = "https://api.example"
NEW = Route(f"{HERE}/voice/{SECRET}", f"{HERE}/call-events/{SECRET}")
OLD = Route(f"{HERE}/voice/{OLDER}", f"{HERE}/call-events/{OLDER}")
OWNED = OwnedNumber("n1", NUMBER, "active", NEW.voice_url, NEW.events_url)

SETTINGS = SettingsSeen(given=("POKEA_BRIDGE_URL",), known=frozenset({"POKEA_BRIDGE_URL"}))
PROFILES = ProfilesSeen(
    folder="profiles", businesses=(BusinessSeen(business="shop", agent="booking"),), agents=("booking", "leads")
)
NUMBERS = NumbersSeen(lines={NUMBER: "shop"}, owned=(OWNED,), routes=(NEW, OLD), where=" --stack pokea")
SOUND = Answer(200, is_document=True, took_s=0.1)
REFUSED = Answer(401, "hook_path", is_document=True)
WEBHOOK = WebhookSeen(url=NEW.voice_url, ours=SOUND, strange=REFUSED, proofs=Counter({"path": 3}))
CLOCK = ClockSeen(samples=(ClockSample("the carrier", 0.4), ClockSample("AWS", -2.0, 1.0)))
MODEL = EngineSeen(engine="gemini", model="gemini-3.8-live", ready=True)
BRIDGE = BridgeSeen(url="wss://media.example", status=401, idle_s=300)
WALLET = WalletSeen(standing=WalletStanding.OK, balance="KES 500.00", currency="KES", decks={"shop": ("ke", "KES")})
TABLE = Part("table", "core", "POKEA_CORE_TABLE", True)
AWS = AwsSeen(region="eu-west-1", parts=(TABLE,))
CLIPS = ClipsSeen(folder="clips", total=4)

Case = tuple[Callable[[Any], Sequence[Finding]], Any, dict[str, Any], str]


def owned(**changes: Any) -> dict[str, Any]:
    return {"owned": (replace(OWNED, **changes),)}


CASES: list[Case] = [
    (check_settings, SETTINGS, {"given": ("POKEA_BRIGDE_URL",)}, "settings.unknown"),
    (check_settings, SETTINGS, {"malformed": ("POKEA_BRIDGE_PORT: 'x' is not a number",)}, "settings.malformed"),
    (check_settings, SETTINGS, {"missing": {"POKEA_CORE_TABLE": "the voice function"}}, "settings.missing"),
    (check_settings, SETTINGS, {"weak": {"POKEA_TOKEN_KEY": (5, 32)}}, "settings.weak"),
    (check_profiles, PROFILES, {"problems": ("shop.toml: zone: is not a zone",)}, "profiles.unusable"),
    (check_profiles, PROFILES, {"agents": ("leads",)}, "profiles.agent"),
    (
        check_profiles,
        PROFILES,
        {"businesses": (BusinessSeen(business="shop", agent="booking", deck_problem="no deck"),)},
        "profiles.deck",
    ),
    (check_numbers, NUMBERS, {"has_key": False}, "numbers.no_key"),
    (check_numbers, NUMBERS, {"refusal": "api_key.invalid"}, "numbers.key_refused"),
    (check_numbers, NUMBERS, {"owned": ()}, "numbers.unclaimed"),
    (check_numbers, NUMBERS, owned(status="released"), "numbers.unclaimed"),
    (check_numbers, NUMBERS, owned(status="suspended"), "numbers.inactive"),
    (check_numbers, NUMBERS, owned(voice_callback_url=None), "numbers.unrouted"),
    (check_numbers, NUMBERS, owned(voice_callback_url="https://old.example/voice/x"), "numbers.elsewhere"),
    (check_numbers, NUMBERS, owned(voice_callback_url=f"{HERE}/stream-status/{SECRET}"), "numbers.elsewhere"),
    (check_numbers, NUMBERS, owned(voice_callback_url=f"{HERE}/voice/{STRANGE}"), "numbers.wrong_secret"),
    (check_numbers, NUMBERS, owned(voice_callback_url=OLD.voice_url), "numbers.old_secret"),
    (check_numbers, NUMBERS, owned(events_url=None), "numbers.no_events"),
    (check_webhook, WEBHOOK, {"url": f"http://api.example/voice/{SECRET}"}, "webhook.not_https"),
    (check_webhook, WEBHOOK, {"ours": None, "reason": "ConnectError"}, "webhook.unreachable"),
    (check_webhook, WEBHOOK, {"ours": Answer(404)}, "webhook.not_ours"),
    (check_webhook, WEBHOOK, {"ours": Answer(200)}, "webhook.not_ours"),
    (check_webhook, WEBHOOK, {"ours": Answer(502)}, "webhook.failing"),
    (check_webhook, WEBHOOK, {"ours": REFUSED}, "webhook.secret_refused"),
    (check_webhook, WEBHOOK, {"ours": Answer(401, "hook_signature", is_document=True)}, "webhook.signature_refused"),
    (check_webhook, WEBHOOK, {"ours": Answer(401, "not_by_edge", is_document=True)}, "webhook.not_by_edge"),
    (check_webhook, WEBHOOK, {"strange": SOUND}, "webhook.open"),
    (check_webhook, WEBHOOK, {"ours": replace(SOUND, took_s=2.5)}, "webhook.slow"),
    (check_webhook, WEBHOOK, {"proofs": Counter({"hook_signature": 2, "path": 1})}, "webhook.unsigned"),
    (check_webhook, WEBHOOK, {"proofs": Counter({"hook_path": 1, "path": 1})}, "webhook.strangers"),
    (check_clock, CLOCK, {"samples": (ClockSample("the carrier", -400.0),)}, "clock.wrong"),
    (check_clock, CLOCK, {"samples": (ClockSample("AWS", 60.0, 2.0),)}, "clock.drifts"),
    (check_model, MODEL, {"ready": False, "unset": "GEMINI_API_KEY: is not set"}, "model.unset"),
    (check_model, MODEL, {"ready": False, "code": 403, "reason": "handshake refused"}, "model.key_refused"),
    (check_model, MODEL, {"ready": False, "code": 1007, "reason": "API key not valid."}, "model.key_refused"),
    (check_model, MODEL, {"ready": False, "code": 1008, "reason": "models/x is not found for v1beta"}, "model.unknown"),
    (check_model, MODEL, {"ready": False, "code": 1011, "reason": "RESOURCE_EXHAUSTED"}, "model.quota"),
    (check_model, MODEL, {"ready": False, "reason": "TimeoutError"}, "model.unreachable"),
    (check_model, MODEL, {"ready": False, "code": 1011, "reason": "internal error"}, "model.failed"),
    (check_bridge, BRIDGE, {"url": ""}, "bridge.unset"),
    (check_bridge, BRIDGE, {"url": "ws://media.example"}, "bridge.not_tls"),
    (check_bridge, BRIDGE, {"status": None, "reason": "ConnectError"}, "bridge.unreachable"),
    (check_bridge, BRIDGE, {"status": 426}, "bridge.no_upgrade"),
    (check_bridge, BRIDGE, {"status": 404}, "bridge.no_upgrade"),
    (check_bridge, BRIDGE, {"status": 400, "body": "the subprotocol must be x"}, "bridge.no_subprotocol"),
    (check_bridge, BRIDGE, {"status": 101}, "bridge.no_subprotocol"),
    (check_bridge, BRIDGE, {"status": 101, "subprotocol": "audio.drachtio.org"}, "bridge.open"),
    (check_bridge, BRIDGE, {"status": 503, "body": "draining calls=3 of 50"}, "bridge.full"),
    (check_bridge, BRIDGE, {"status": 503, "body": "Service Unavailable\n"}, "bridge.no_tools"),
    (check_bridge, BRIDGE, {"idle_s": 60}, "bridge.idle_timeout"),
    (check_wallet, WALLET, {"standing": WalletStanding.EMPTY}, "wallet.empty"),
    (check_wallet, WALLET, {"standing": WalletStanding.LOW}, "wallet.low"),
    (check_wallet, WALLET, {"currency": "UGX"}, "wallet.currency"),
    (check_aws, AWS, {"region": ""}, "aws.no_region"),
    (check_aws, AWS, {"refusal": "AWS refused: ExpiredToken", "refused": True}, "aws.refused"),
    (check_aws, AWS, {"parts": (replace(TABLE, exists=False),)}, "aws.missing"),
    (check_aws, AWS, {"parts": (replace(TABLE, exists=None, there="af-south-1"),)}, "aws.other_region"),
    (check_clips, CLIPS, {"missing": 1}, "clips.missing"),
    (check_clips, CLIPS, {"folder": ""}, "clips.unset"),
]


def checked(check: Callable[[Any], Sequence[Finding]], seen: Any) -> Sequence[Finding]:
    return check((seen,)) if check is check_model else check(seen)


@pytest.mark.parametrize(("check", "sound", "change", "code"), CASES, ids=[case[3] for case in CASES])
def test_each_trouble_is_found_alone_and_comes_with_its_mending(
    check: Callable[[Any], Sequence[Finding]], sound: Any, change: dict[str, Any], code: str
) -> None:
    findings = checked(check, replace(sound, **change))
    (trouble,) = [finding for finding in findings if finding.standing is not Standing.OK]
    assert (trouble.code, trouble.check) == (code, code.partition(".")[0])
    assert trouble.fix
    assert trouble.says
    for secret in (SECRET, OLDER, STRANGE):
        assert secret not in trouble.says + trouble.fix


SOUND_ONES = [
    (check_settings, SETTINGS),
    (check_profiles, PROFILES),
    (check_numbers, NUMBERS),
    (check_webhook, WEBHOOK),
    (check_clock, CLOCK),
    (check_model, MODEL),
    (check_bridge, BRIDGE),
    (check_wallet, WALLET),
    (check_aws, AWS),
    (check_clips, CLIPS),
]


@pytest.mark.parametrize(("check", "sound"), SOUND_ONES)
def test_what_is_sound_is_ok(check: Callable[[Any], Sequence[Finding]], sound: Any) -> None:
    assert {finding.standing for finding in checked(check, sound)} == {Standing.OK}


def test_every_check_and_every_trouble_has_its_test() -> None:
    assert {case[3] for case in CASES} == TROUBLES.keys()
    assert [code for code in TROUBLES if code.partition(".")[0] not in CHECKS] == []
    assert len(CHECKS) == len(SOUND_ONES) == 10


UNSEEN: list[tuple[Callable[[Any], Sequence[Finding]], Any]] = [
    (check_settings, replace(SETTINGS, unread="no right to read them")),
    (check_profiles, replace(PROFILES, unread="x")),
    (check_numbers, replace(NUMBERS, unread="the carrier did not answer")),
    (check_numbers, replace(NUMBERS, lines={})),
    (check_numbers, replace(NUMBERS, routes=(), route_unknown="POKEA_PUBLIC_URL is not set")),
    (check_webhook, replace(WEBHOOK, unread="x")),
    (check_clock, ClockSeen(unread="nobody answered")),
    (check_model, replace(MODEL, unread="x")),
    (check_bridge, replace(BRIDGE, unread="x")),
    (check_wallet, replace(WALLET, unread="x")),
    (check_wallet, replace(WALLET, standing=WalletStanding.UNKNOWN)),
    (check_aws, replace(AWS, unread="x")),
    (check_aws, replace(AWS, refusal="AWS could not be reached")),
    (check_aws, replace(AWS, parts=())),
    (check_aws, replace(AWS, parts=(replace(TABLE, exists=None, why="AccessDenied"),))),
    (check_clips, replace(CLIPS, unread="x")),
]


@pytest.mark.parametrize(("check", "seen"), UNSEEN)
def test_what_could_not_be_seen_is_unknown_and_never_ok(check: Callable[[Any], Sequence[Finding]], seen: Any) -> None:
    assert {finding.standing for finding in checked(check, seen)} == {Standing.UNKNOWN}


def test_parts_that_could_not_be_seen_are_named_beside_what_is_sound() -> None:
    no_logs = check_webhook(replace(WEBHOOK, proofs=None, proofs_unread="no right to read logs"))
    no_calls = check_webhook(replace(WEBHOOK, proofs=Counter()))
    no_balancer = check_bridge(replace(BRIDGE, idle_s=None, idle_unread="no stack was named"))
    for findings in (no_logs, no_calls, no_balancer):
        assert [finding.standing for finding in findings] == [Standing.OK, Standing.UNKNOWN]


@pytest.mark.parametrize(
    ("proofs", "words"),
    [
        ({"path": 2}, "POKEA_WEBHOOK_AUTH=path"),
        ({"path+signature": 2}, "POKEA_WEBHOOK_AUTH=path or signature or signature+path"),
        ({"path+signature": 2, "path": 1}, "POKEA_WEBHOOK_AUTH=path"),
        ({"signature": 2}, "POKEA_WEBHOOK_AUTH=signature"),
        ({"path+unchecked": 3}, "POKEA_WEBHOOK_AUTH=path; 3 are signed by a secret that is not set here"),
        ({"unchecked": 1}, "no setting of POKEA_WEBHOOK_AUTH; 1 are signed by a secret that is not set here"),
    ],
)
def test_live_hooks_tell_which_proof_can_be_asked_of_them(proofs: dict[str, int], words: str) -> None:
    assert satisfied(Counter(proofs)) == words


def test_an_unknown_setting_is_told_what_it_may_have_meant() -> None:
    (finding,) = check_settings(replace(SETTINGS, given=("POKEA_BRIGDE_URL",)))
    assert "POKEA_BRIDGE_URL" in finding.says


def test_a_slow_network_is_no_wrong_clock() -> None:
    assert check_clock(ClockSeen(samples=(ClockSample("AWS", 32.0, 8.0),)))[0].standing is Standing.OK


def test_only_problems_fail_unless_it_is_strict() -> None:
    problem = found("clips.unset")
    for finding, is_problem in (
        (problem, True),
        (unseen("aws", "x"), False),
        (found("wallet.low", balance="1"), False),
    ):
        assert fails([finding], strict=False) is is_problem
        assert fails([finding], strict=True)
    assert not fails([fine("aws", "x")], strict=True)
