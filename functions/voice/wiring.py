"""The voice function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.voice.reception import Addresses, CarrierWays, Reception
from functions.voice.settings import VoiceSettings
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.observability import Log
from pokea.adapters.queues import teller_of
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import TokenSigner
from pokea.lines import load_lines
from pokea.sautikit.register import CallRegister


def build(environ: Mapping[str, str]) -> Reception:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(VoiceSettings, environ)
    secrets = secrets_of(settings, environ)
    lines = load_lines(settings.profiles_dir)
    gate = HookGate(settings, secrets)
    gate.check()
    TokenSigner(secrets.required("POKEA_TOKEN_KEY"))

    @cache
    def register() -> CallRegister:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_table import DynamoTable, Retries

        # Two quick tries: what the caller waits for is bounded by the reception's deadline anyway.
        table = DynamoTable(dynamodb(), settings.core_table, Retries(tries=2, deadline_s=0.8))
        return CallRegister(DynamoCallStore(table), lines)

    return Reception(
        gate=gate,
        register=register,
        lines=lines,
        signer=lambda: TokenSigner(secrets.required("POKEA_TOKEN_KEY")),
        addresses=Addresses(
            bridge_url=settings.bridge_url,
            release=settings.release,
            token_ttl_s=settings.stream_token_ttl_s,
            stream_status_url=lambda: hook_url(settings, secrets, settings.public_url, "/stream-status"),
        ),
        clock=SystemClock(),
        log=Log("voice"),
        ways=CarrierWays(settings.carrier_continues, settings.dial_form == "nested"),
        ended=teller_of(settings.ended_queue_url, settings.cdr_queue_url, settings.campaign_ended_queue_url),
    )
