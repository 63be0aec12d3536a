"""`usageMetadata` of the Gemini Live wire: one turn's tokens, with the whole context billed again.

The lists by modality may name less than the count beside them: what of the prompt is in no list counts as text. The total leaves thoughts
out. The two platforms have two names for the model's own tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core.frames import Meter, UsageReported
from bridge.wire.token_counts import cached, completed, count, spoken

_IN = {"TEXT": Meter.TEXT_IN, "AUDIO": Meter.AUDIO_IN, "IMAGE": Meter.IMAGE_IN, "VIDEO": Meter.IMAGE_IN}
_OUT = {"TEXT": Meter.TEXT_OUT, "AUDIO": Meter.AUDIO_OUT}


def read(usage: Any) -> UsageReported:
    """Whatever it is; what is no number counts as none."""
    usage = usage if isinstance(usage, dict) else {}
    prompt, thoughts = count(usage.get("promptTokenCount")), count(usage.get("thoughtsTokenCount"))
    response = count(usage.get("responseTokenCount")) or count(usage.get("candidatesTokenCount"))
    said = usage.get("responseTokensDetails") or usage.get("candidatesTokensDetails")
    meters = completed(_by_modality(usage.get("promptTokensDetails"), _IN), prompt, Meter.TEXT_IN)
    kept = _by_modality(usage.get("cacheTokensDetails"), _IN)
    meters = cached(meters, kept, count(usage.get("cachedContentTokenCount")))
    meters = completed(meters, sum(meters.values()) + count(usage.get("toolUsePromptTokenCount")), Meter.TEXT_IN)
    meters |= spoken(_by_modality(said, _OUT), response)
    if thoughts:
        meters[Meter.THOUGHT_OUT] = thoughts
    return UsageReported(prompt, response, thoughts, count(usage.get("totalTokenCount")), meters)


def _by_modality(details: Any, names: Mapping[str, Meter]) -> dict[Meter, int]:
    """`[{modality, tokenCount}]`. A modality without a meter is left to what no list names."""
    meters: dict[Meter, int] = {}
    for part in details if isinstance(details, list) else ():
        modality = part.get("modality") if isinstance(part, dict) else None
        meter = names.get(modality) if isinstance(modality, str) else None
        if meter is not None:
            meters[meter] = meters.get(meter, 0) + count(part.get("tokenCount"))
    return meters
