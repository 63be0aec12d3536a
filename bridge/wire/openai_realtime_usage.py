"""What `response.done` and a finished transcription of OpenAI's Realtime wire say was used.

What came from the cache is part of the input, and what was thought part of the output: both are taken out of it here. Each response bills
the whole conversation again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core.frames import Meter, ServiceUsed, UsageReported
from bridge.wire.token_counts import cached, completed, count, spoken

_IN = {"text_tokens": Meter.TEXT_IN, "audio_tokens": Meter.AUDIO_IN, "image_tokens": Meter.IMAGE_IN}
_OUT = {"text_tokens": Meter.TEXT_OUT, "audio_tokens": Meter.AUDIO_OUT}


def of_response(usage: Any) -> UsageReported | None:
    """None from servers that count nothing: they send null, or leave it out."""
    if not isinstance(usage, dict):
        return None
    prompt, response = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    heard, said = _object(usage.get("input_token_details")), _object(usage.get("output_token_details"))
    meters = completed(_parts(heard, _IN), prompt, Meter.TEXT_IN)
    meters = cached(meters, _parts(_object(heard.get("cached_tokens_details")), _IN), count(heard.get("cached_tokens")))
    out, thoughts = spoken(_parts(said, _OUT), response), count(said.get("reasoning_tokens"))
    if unsaid := min(thoughts, out.get(Meter.TEXT_OUT, 0)):
        out[Meter.TEXT_OUT] -= unsaid
    if thoughts:
        out[Meter.THOUGHT_OUT] = thoughts
    meters |= {meter: amount for meter, amount in out.items() if amount}
    return UsageReported(prompt, response, thoughts, count(usage.get("total_tokens")), meters)


def of_transcription(usage: Any, model: str) -> ServiceUsed | None:
    """Counted in seconds or in tokens, and billed beside the response. None where nothing was counted."""
    usage = _object(usage)
    if usage.get("type") == "duration":
        seconds = usage.get("seconds")
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 86_400
        meters = {Meter.HEARD_MS: round(seconds * 1000)} if is_number else {}
    else:
        heard = _parts(_object(usage.get("input_token_details")), _IN)
        meters = completed(heard, count(usage.get("input_tokens")), Meter.AUDIO_IN)
        if written := count(usage.get("output_tokens")):
            meters[Meter.TEXT_OUT] = written
    return ServiceUsed(model, meters) if meters else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _parts(details: Mapping[str, Any], names: Mapping[str, Meter]) -> dict[Meter, int]:
    return {meter: amount for name, meter in names.items() if (amount := count(details.get(name)))}
