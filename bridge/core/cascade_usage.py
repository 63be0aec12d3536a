"""What the cascade's three services use. The language model counts its tokens; the other two bill what they are given, a second try as well
as the first."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.cascade_frames import Speak, Stage, TokensUsed, Transcribe
from bridge.core.frames import ServiceUsed, UsageReported
from pokea.billing.usage import Meter


def used(tokens: TokensUsed) -> UsageReported:
    cached, thoughts = min(tokens.cached, tokens.prompt), min(tokens.thoughts, tokens.response)
    meters = {
        Meter.TEXT_IN: tokens.prompt - cached,
        Meter.TEXT_IN_CACHED: cached,
        Meter.TEXT_OUT: tokens.response - thoughts,
        Meter.THOUGHT_OUT: thoughts,
    }
    counted = {meter: amount for meter, amount in meters.items() if amount}
    return UsageReported(tokens.prompt, tokens.response, tokens.thoughts, tokens.total, counted)


def given(order: Transcribe | Speak, models: Mapping[Stage, str]) -> ServiceUsed:
    if isinstance(order, Speak):
        return ServiceUsed(models.get(Stage.SPEECH, ""), {Meter.SPOKEN_CHARS: len(order.text)})
    heard_ms = len(order.pcm) * 500 // order.rate_hz
    return ServiceUsed(models.get(Stage.TRANSCRIPTION, ""), {Meter.HEARD_MS: heard_ms})
