"""The voice function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from functions.voice.door import Counter, Doorkeeper, Usher
from functions.voice.reception import Addresses, CarrierWays, Reception
from functions.voice.settings import VoiceSettings
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.observability import Log
from pokea.adapters.queues import teller_of
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import signer_of
from pokea.adapters.tracing import traces_of
from pokea.lines import load_lines
from pokea.sautikit.register import CallRegister


@dataclass(frozen=True, slots=True)
class Parts:
    """What needs the store."""

    register: CallRegister
    keeper: Doorkeeper


def build(environ: Mapping[str, str]) -> Reception:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(VoiceSettings, environ)
    secrets = secrets_of(settings, environ)
    lines = load_lines(settings.profiles_dir)
    gate = HookGate(settings, secrets)
    gate.check()
    signer_of(secrets)

    @cache
    def parts() -> Parts:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_rings import DynamoRings
        from pokea.adapters.dynamo_seats import DynamoSeats
        from pokea.adapters.dynamo_table import DynamoTable, Retries

        log = Log("voice")
        # Two quick tries: what the caller waits for is bounded by the reception's deadline anyway.
        table = DynamoTable(dynamodb(), settings.core_table, Retries(tries=2, deadline_s=0.8))
        counter = Counter(DynamoRings(table), DynamoCallbackTasks(table))
        keeper = Doorkeeper(Usher(DynamoSeats(table), settings.release), counter, log, is_capped=settings.call_caps)
        return Parts(CallRegister(DynamoCallStore(table), lines, keeper.admit), keeper)

    return Reception(
        gate=gate,
        register=lambda: parts().register,
        lines=lines,
        signer=lambda: signer_of(secrets),
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
        note=lambda call, now: parts().keeper.note(call, now),
        traces=traces_of(settings, "voice"),
    )
