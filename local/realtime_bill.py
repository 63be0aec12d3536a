"""What the simulated Realtime service bills a response: the whole conversation again, of which it has cached what it billed before."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.realtime_reply import Item
    from local.realtime_server import RealtimeSession

_CHARS_PER_TOKEN = 4
_CALLER_MS_PER_TOKEN, _AGENT_MS_PER_TOKEN = 100, 50


@dataclass(slots=True)
class Bill:
    """`text` and `audio`: the input of the response before."""

    text: int = 0
    audio: int = 0

    def response(self, session: RealtimeSession, output: Collection[Mapping[str, Any]]) -> dict[str, Any]:
        """The `usage` of the response whose items are `output`."""
        own = {item["id"] for item in output}
        text = _tokens(str(session.config["instructions"]) + json.dumps(session.config["tools"]))
        audio = 0
        for item_id, item in session.items.items():
            if item_id not in own:
                text, audio = text + _text_of(item), audio + _audio_of(item)
        said = [item for item_id, item in session.items.items() if item_id in own]
        text_out, audio_out = sum(map(_text_of, said)), sum(map(_audio_of, said))
        cached_text, cached_audio = min(self.text, text), min(self.audio, audio)
        self.text, self.audio = text, audio
        return {
            "input_tokens": text + audio,
            "output_tokens": text_out + audio_out,
            "total_tokens": text + audio + text_out + audio_out,
            "input_token_details": {
                "text_tokens": text,
                "audio_tokens": audio,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }


def _text_of(item: Item) -> int:
    value = item.value
    written = [str(part.get("text") or "") for part in value.get("content") or ()]
    return _tokens(
        "".join((*written, item.transcript, str(value.get("arguments") or ""), str(value.get("output") or "")))
    )


def _audio_of(item: Item) -> int:
    heard_ms = item.audio_ms if item.kept_ms is None else min(item.audio_ms, item.kept_ms)
    is_agent = item.value.get("role") == "assistant"
    return int(heard_ms / (_AGENT_MS_PER_TOKEN if is_agent else _CALLER_MS_PER_TOKEN))


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)
