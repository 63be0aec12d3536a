"""Looks at the models and the media bridge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from bridge.core.frames import MODEL_OUT_HZ, ModelEvent, ModelLost, ModelReady, ModelSetup, OpenModel
from bridge.settings import BridgeSettings
from bridge.shell.engine_setup import build
from bridge.shell.model_link import ModelLink
from bridge.wire.audio_fork import SUBPROTOCOL
from local.cli.deployed import aws_error, client
from local.cli.doctor.carrier import http_client
from local.cli.doctor.place import Examined
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings
from pokea.doctor.media import BridgeSeen, EngineSeen
from pokea.sautikit.number_routes import LOOPBACK

SETUP_WITHIN_MS = 10_000
ENGINE_SETTINGS = ("GEMINI_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "POKEA_GEMINI_URL", "POKEA_GEMINI_VERTEX")
FORGED = (
    "forged00.forged00.forged-by-the-doctor"  # of the right shape, so that only whoever holds the key can refuse it
)


def look_at_models(place: Examined) -> tuple[EngineSeen, ...]:
    return asyncio.run(_models(place))


async def _models(place: Examined) -> tuple[EngineSeen, ...]:
    settings, problem = _bridge_settings(place)
    if problem:
        return (EngineSeen(engine="every engine", model="", unread=f"{problem} (see the check `settings`)"),)
    if not place.is_complete and not any(place.settings.get(name) for name in ENGINE_SETTINGS):
        return (
            EngineSeen(engine="every engine", model="", unread="the bridge's keys and settings are not known here"),
        )
    return tuple(await asyncio.gather(*(_engine(settings, place, name) for name in settings.engines)))


def _bridge_settings(place: Examined) -> tuple[BridgeSettings, str]:
    """Without what only a bridge that listens needs: this one does not."""
    values: dict[str, Any] = {}
    for item in fields(BridgeSettings):
        text = place.settings.get(item.metadata["name"], "").strip()
        if not text:
            continue
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as problem:
            return BridgeSettings(), f"{item.metadata['name']} {problem}"
    return BridgeSettings(**values), ""


async def _engine(settings: BridgeSettings, place: Examined, name: str) -> EngineSeen:
    model = settings.engine(name).model
    if name == "cascade":
        return EngineSeen(engine=name, model=model, unread="its three services are asked only when somebody speaks")
    try:
        engines = build(replace(settings, engines=(name,)), Secrets(place.settings))
    except BadSettings as problem:
        return EngineSeen(engine=name, model=model, unset=problem.message)
    try:
        heard = _Heard()
        link = engines.makers[name](1, heard.events, heard.lost)
        setup = ModelSetup(model, "Kore" if name == "gemini" else "marin", "Say nothing.", input_hz=MODEL_OUT_HZ)
        try:
            await link.open(OpenModel(1, setup, SETUP_WITHIN_MS))
        finally:
            link.close()
    finally:
        await engines.close()
    return EngineSeen(engine=name, model=model, ready=heard.is_ready, code=heard.code, reason=heard.reason)


class _Heard:
    def __init__(self) -> None:
        self.is_ready, self.code, self.reason = False, 0, "no answer in time"

    def events(self, link: ModelLink, events: Sequence[ModelEvent]) -> None:
        self.is_ready = self.is_ready or any(isinstance(event, ModelReady) for event in events)

    def lost(self, event: ModelLost) -> None:
        self.code, self.reason = event.code, event.reason


def look_at_bridge(place: Examined) -> BridgeSeen:
    url = place.settings.get("POKEA_BRIDGE_URL", "")
    if not url:
        return BridgeSeen(unread="" if place.is_complete or place.is_deployed else "POKEA_BRIDGE_URL is not set here")
    release = place.settings.get("POKEA_RELEASE", "") or "current"
    idle_s, idle_unread = _idle_timeout(place, url)
    seen: dict[str, Any] = {"url": url, "idle_s": idle_s, "idle_unread": idle_unread}
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "cG9rZWEtZG9jdG9yLWtleQ==",
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
    }
    address = f"http{url.removeprefix('ws')}/g/{release}/audio"
    try:
        with (
            http_client(address) as http,
            http.stream("GET", address, params={"call": "doctor", "token": FORGED}, headers=headers) as reply,
        ):
            if reply.status_code == 101:
                return BridgeSeen(**seen, status=101, subprotocol=reply.headers.get("sec-websocket-protocol", ""))
            body = reply.read().decode("utf-8", "replace")[:500]
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        return BridgeSeen(**seen, reason=type(problem).__name__)
    return BridgeSeen(**seen, status=reply.status_code, body=body)


def _idle_timeout(place: Examined, url: str) -> tuple[int | None, str]:
    """Of the stack's load balancer, in seconds; else why it is not known, "" where the bridge is reached directly."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not place.is_deployed:
        return None, "" if urlsplit(url).hostname in LOOPBACK else "what stands in front can only be asked with --stack"
    arns = [
        physical for kind, physical in place.resources.values() if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer"
    ]
    if not arns:
        return None, "the stack has no load balancer of its own"
    try:
        answer = client("elbv2", place.door).describe_load_balancer_attributes(LoadBalancerArn=arns[0])
        values = {one["Key"]: one["Value"] for one in answer["Attributes"]}
        return int(values["idle_timeout.timeout_seconds"]), ""
    except (BotoCoreError, ClientError) as problem:
        return None, aws_error(problem).message
    except (KeyError, ValueError):
        return None, "the load balancer does not say"
