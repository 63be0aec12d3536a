"""Looks at numbers, hooks, clocks and the wallet."""

from __future__ import annotations

import json
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from local.cli.deployed import aws_error, client
from local.cli.doctor.place import Examined
from local.cli.doctor.setup import usable_profiles
from local.cli.wallet import story_of
from pokea.adapters.sautikit_rest import Carrier
from pokea.billing.business_deck import deck_for
from pokea.billing.rating import Rater
from pokea.billing.wallet import Standing as WalletStanding
from pokea.doctor.carrier import Answer, ClockSample, ClockSeen, NumbersSeen, WalletSeen, WebhookSeen
from pokea.errors import CallError, Denied, RejectedInput
from pokea.money import Money
from pokea.sautikit.number_routes import Route
from pokea.sautikit.signature import SIGNATURE_HEADER, WebhookAuth, sign

TIMEOUT_S = 8.0
PROBE = b"probe=doctor"  # no session: an admitted one is answered and entered nowhere
STRANGE_SECRET = "not-a-secret-of-anybody"
HOOKS_KEPT = 20
LOG_BYTES = 1 << 20
LOOK_BACK_S = 24 * 3_600
_HOOKS = '{ ($.message = "hook answered") || ($.message = "hook refused") }'


def http_client(*urls: str) -> httpx.Client:
    """For these addresses. Without TLS among them none of the public authorities is loaded, which takes a while."""
    is_plain = all(url.startswith("http://") for url in urls if url)
    return httpx.Client(
        timeout=TIMEOUT_S, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True
    )


def look_at_numbers(place: Examined) -> NumbersSeen:
    lines = {profile.line.number: profile.business_id for profile in usable_profiles(place.profiles_dir)}
    if place.carrier is None:
        return NumbersSeen(lines=lines, has_key=False)
    routes: tuple[Route, ...] = ()
    unknown = ""
    try:
        routes = place.routes
    except RejectedInput as problem:
        unknown = problem.message
    try:
        with closing(Carrier(place.carrier)) as carrier:
            owned = carrier.list_numbers()
    except Denied as problem:
        return NumbersSeen(lines=lines, refusal=problem.code)
    except CallError as problem:
        return NumbersSeen(lines=lines, unread=f"the carrier's list of numbers: {problem.message} ({problem.code})")
    return NumbersSeen(lines=lines, owned=owned, routes=routes, where=place.where, route_unknown=unknown)


def look_at_wallet(place: Examined) -> WalletSeen:
    profiles = list(usable_profiles(place.profiles_dir))
    decks: dict[str, tuple[str, str]] = {}
    story: Mapping[str, object] = {}
    if place.carrier is None:
        return WalletSeen(decks=decks, unread="no key of the carrier's API is set")
    try:
        with closing(Carrier(place.carrier)) as carrier:
            balance = carrier.wallet()
    except CallError as problem:
        return WalletSeen(
            decks=decks, unread=f"{problem.message} ({problem.code}); the key needs the scope wallet.read"
        )
    standing = WalletStanding.OK if balance.micros > 0 else WalletStanding.EMPTY
    if balance.threshold_micros is not None and 0 < balance.micros < balance.threshold_micros:
        standing = WalletStanding.LOW
    for profile in profiles:
        try:
            rater = Rater(deck_for(profile, place.profiles_dir))
        except CallError:
            continue  # the check of profiles names it
        decks[profile.business_id] = (rater.deck.deck_id, rater.deck.currency)
        story = story_of(balance, profile, rater, datetime.now(UTC))
        if story["standing"] == WalletStanding.LOW and standing is WalletStanding.OK:
            standing = WalletStanding.LOW
    amount = str(Money(balance.micros, balance.currency))
    return WalletSeen(standing=standing, balance=amount, currency=balance.currency, decks=decks)


def look_at_webhook(place: Examined) -> WebhookSeen:
    try:
        url = place.routes[0].voice_url
    except RejectedInput as problem:
        return WebhookSeen(unread=problem.message)
    proofs, unread = _live_proofs(place)
    seen: dict[str, Any] = {"url": url, "auth": place.auth, "proofs": proofs, "proofs_unread": unread}
    secret = place.settings.get("SAUTIKIT_WEBHOOK_SECRET", "").partition(",")[0].strip()
    headers = {SIGNATURE_HEADER: sign(PROBE, secret, datetime.now(UTC))} if secret else {}
    try:
        with http_client(url) as http:
            ours = _probed(http, url, headers)
            strange = None
            if place.auth is not WebhookAuth.SIGNATURE:
                strange = _probed(http, url.rpartition("/")[0] + "/" + STRANGE_SECRET, {})
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        return WebhookSeen(**seen, reason=type(problem).__name__)
    return WebhookSeen(**seen, ours=ours, strange=strange)


def _probed(http: httpx.Client, url: str, headers: Mapping[str, str]) -> Answer:
    began = time.monotonic()
    reply = http.post(
        url,
        content=PROBE,
        headers={"content-type": "application/x-www-form-urlencoded", "user-agent": "pokea-doctor", **headers},
    )
    code = ""
    if reply.headers.get("content-type", "").startswith("application/json"):
        try:
            code = str(reply.json()["error"]["code"])
        except (ValueError, KeyError, TypeError):
            code = ""
    return Answer(
        status=reply.status_code,
        code=code,
        is_document=bool(code) or b"<Response" in reply.content[:200],
        took_s=time.monotonic() - began,
    )


def _live_proofs(place: Examined) -> tuple[Counter[str] | None, str]:
    """What the latest live hooks brought, and why that is not known."""
    if place.hook_logs is not None:
        with place.hook_logs.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - LOG_BYTES))
            return proofs_in(log.read().decode("utf-8", "replace").splitlines()), ""
    if not place.is_deployed:
        return None, "the functions' logs are not here: give --stack"
    group = next((physical for name, (kind, physical) in place.resources.items() if name == "VoiceLogs"), "")
    if not group:
        return None, "the stack's log group VoiceLogs is not known"
    from botocore.exceptions import BotoCoreError, ClientError

    start_ms = int((time.time() - LOOK_BACK_S) * 1000)
    try:
        pages = client("logs", place.door).get_paginator("filter_log_events")
        found = pages.paginate(
            logGroupName=group, filterPattern=_HOOKS, startTime=start_ms, PaginationConfig={"MaxItems": 1_000}
        )
        return proofs_in(event["message"] for page in found for event in page["events"]), ""
    except (BotoCoreError, ClientError) as problem:
        return None, aws_error(problem).message


def proofs_in(lines: Iterable[str]) -> Counter[str]:
    """Of the latest hooks of calls; what others posted, this command among them, does not count."""
    kept: list[str] = []
    for line in lines:
        if '"hook ' not in line:
            continue
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told.get("message") == "hook answered" and told.get("session_id"):
            kept.append(str(told.get("proof", "")))
        elif told.get("message") == "hook refused" and told.get("sender") == "carrier":
            kept.append(str(told.get("code", "")))
    return Counter(proof for proof in kept[-HOOKS_KEPT:] if proof)


def look_at_clocks(place: Examined) -> ClockSeen:
    samples: list[ClockSample] = []
    failed: list[str] = []
    asked = {
        "the hooks' gateway": place.settings.get("POKEA_PUBLIC_URL", "")
        and place.settings["POKEA_PUBLIC_URL"] + "/healthz"
    }
    if place.carrier is not None:
        asked["the carrier"] = place.carrier.base_url.rstrip("/") + place.carrier.dialect.list_numbers
    with http_client(*asked.values()) as http:
        for who, url in asked.items():
            if not url:
                continue
            began, at = time.monotonic(), time.time()
            try:
                told = http.get(url).headers.get("date", "")
            except (httpx.HTTPError, httpx.InvalidURL) as problem:
                failed.append(f"{who}: {type(problem).__name__}")
                continue
            samples += _sample(who, told, at, time.monotonic() - began)
            failed += [] if told else [f"{who} does not tell the time"]
    samples += _aws_time(place)
    return ClockSeen(samples=tuple(samples), unread="; ".join(failed))


def _aws_time(place: Examined) -> list[ClockSample]:
    """From whatever AWS answers, a refusal included: a wrong clock is a reason for one."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not any(name.endswith(("_TABLE", "_QUEUE_URL")) for name in place.settings):
        return []
    began, at = time.monotonic(), time.time()
    try:
        answer = client("sts", place.door).get_caller_identity()
    except ClientError as problem:
        answer = problem.response
    except (BotoCoreError, CallError):
        return []
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    return _sample("AWS", told, at, time.monotonic() - began)


def _sample(who: str, told: str, at_s: float, took_s: float) -> list[ClockSample]:
    try:
        theirs = parsedate_to_datetime(told).timestamp()
    except ValueError:
        return []
    return [ClockSample(who, at_s + took_s / 2 - theirs, took_s)]
