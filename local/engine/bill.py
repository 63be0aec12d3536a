"""What each turn of a conversation is billed: the whole context again, as the real service does, so it grows with every turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AUDIO_TOKENS_PER_S = 25
_CHARS_PER_TOKEN = 4
_UNNAMED = 25  # tokens of a prompt that the service puts into no list


@dataclass(frozen=True, slots=True)
class Billed:
    """Tokens of one turn. `unnamed`: more of the prompt, neither text nor audio."""

    text_in: int
    audio_in: int
    text_out: int
    audio_out: int
    unnamed: int = _UNNAMED


@dataclass(slots=True)
class Bill:
    """`context_*`: what the model has read and heard so far; `said_*`: what it has put out since the last turn was billed."""

    context_text: int = 0
    context_ms: float = 0.0
    said_chars: int = 0
    said_ms: float = 0.0

    def reads(self, text: str) -> None:
        self.context_text += tokens_of(text)

    def hears(self, milliseconds: float) -> None:
        self.context_ms += milliseconds

    def says(self, words: str, milliseconds: float) -> None:
        self.said_chars += len(words)
        self.said_ms += milliseconds

    def turn(self) -> Billed:
        """The turn is over. What the model said in it is context from now on."""
        billed = Billed(
            self.context_text,
            _audio_tokens(self.context_ms),
            -(-self.said_chars // _CHARS_PER_TOKEN),
            _audio_tokens(self.said_ms),
        )
        self.context_ms += self.said_ms
        self.said_chars, self.said_ms = 0, 0.0
        return billed


def usage_metadata(billed: Billed) -> dict[str, Any]:
    """As the Gemini Live wire writes it: the lists name less than the whole prompt."""
    prompt = billed.text_in + billed.audio_in + billed.unnamed
    response = billed.text_out + billed.audio_out
    return {
        "promptTokenCount": prompt,
        "responseTokenCount": response,
        "totalTokenCount": prompt + response,
        "promptTokensDetails": _details(TEXT=billed.text_in, AUDIO=billed.audio_in),
        "responseTokensDetails": _details(TEXT=billed.text_out, AUDIO=billed.audio_out),
    }


def _details(**tokens: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]


def tokens_of(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)


def _audio_tokens(milliseconds: float) -> int:
    return round(milliseconds * AUDIO_TOKENS_PER_S / 1000)
