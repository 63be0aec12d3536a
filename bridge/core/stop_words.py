"""What the bridge itself takes for "do not call me again": words in the caller's transcription, or a key. Pure.

The control plane names the phrases of every language and the key; whoever speaks them need not be understood by any model.
"""

from __future__ import annotations

from dataclasses import dataclass

from pokea.consent import asks_to_stop


@dataclass(frozen=True, slots=True)
class StopWords:
    """`tool`: what is called when one of them is heard."""

    words: tuple[str, ...]
    key: str
    tool: str

    def are_in(self, heard: str) -> bool:
        """Whether a phrase stands in the caller's words so far, word for word."""
        return bool(heard) and asks_to_stop(heard, self.words)

    def is_key(self, digit: str) -> bool:
        return bool(self.key) and digit == self.key
