"""Keys the caller presses: collected into runs, told to the model, and never written down.

A run ends with "#", with two seconds without a key, or with its twentieth key. The model is told the keys; where a tool's answer asked
for a secret (`"expects_digits": "secret"`), the next run is masked to the model as well, so that a card number or a PIN is in nobody's
hands: it learns only how many keys were pressed. The record of the call holds that number and nothing more in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

PAUSE_MS = 2_000.0
_LONGEST = 20
_KEYS = frozenset("0123456789*#ABCDabcd")
_MASKED = "secret"


@dataclass(frozen=True, slots=True)
class KeyRun:
    """`text` is for the model alone; `count` may be noted."""

    text: str
    count: int


class KeyPad:
    def __init__(self) -> None:
        self._keys = ""
        self._last_ms = 0.0
        self._is_secret = False

    def __repr__(self) -> str:
        return f"KeyPad({len(self._keys)} keys)"

    def expects(self, kind: object) -> None:
        """A tool's answer says what keys the caller is asked for."""
        self._is_secret = kind == _MASKED

    def press(self, key: str, now_ms: float) -> KeyRun | None:
        """A key was pressed; the run, if that ends it. What is no key is nothing."""
        if len(key) != 1 or key not in _KEYS:
            return None
        self._last_ms = now_ms
        if key == "#":
            return self._take()
        self._keys += key.upper()
        return self._take() if len(self._keys) >= _LONGEST else None

    @property
    def deadline_ms(self) -> float | None:
        return self._last_ms + PAUSE_MS if self._keys else None

    def due(self, now_ms: float) -> KeyRun | None:
        """The run that ended because no further key came."""
        deadline_ms = self.deadline_ms
        return self._take() if deadline_ms is not None and now_ms >= deadline_ms else None

    def _take(self) -> KeyRun:
        keys, self._keys = self._keys or "#", ""
        was_secret, self._is_secret = self._is_secret, False
        said = f" {len(keys)} keys" if was_secret else ": " + " ".join(keys)
        return KeyRun(f"[The caller pressed{said}]", len(keys))
