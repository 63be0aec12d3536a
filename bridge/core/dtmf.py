"""Keys the caller presses: collected into runs, told to the model, and never written down.

A run ends with "#", with two seconds without a key, or with its twentieth key. The model is told the keys; where a tool's answer asked
for a secret (`"expects_digits": 4`, or "secret" for any number), the next run is kept from the model, so that a card number or a PIN is
in nobody's hands: it learns only how many keys were pressed, and the digits go with the next tool call, in what the bridge attests. The
record of the call holds the number of keys and nothing more in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

PAUSE_MS = 2_000.0
_LONGEST = 20
_KEYS = frozenset("0123456789*#ABCDabcd")
_MASKED = "secret"
_KEPT = "; they are kept from you: call the tool that asked for them now, without an answer"


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
        self._digits = _LONGEST  # after so many keys a run is over
        self._secret = ""
        self._is_full = False  # the latest run ended with its last digit

    def __repr__(self) -> str:
        return f"KeyPad({len(self._keys)} keys)"

    def expects(self, kind: object) -> None:
        """A tool's answer says what keys the caller is asked for. What was kept of an earlier run is forgotten."""
        is_count = isinstance(kind, int) and not isinstance(kind, bool) and 0 < kind <= _LONGEST
        self._is_secret = kind == _MASKED or is_count
        self._digits = kind if isinstance(kind, int) and is_count else _LONGEST
        self._secret = ""

    @property
    def secret(self) -> str:
        """The keys of the latest secret run, until a tool has answered; "" where there is none."""
        return self._secret

    def press(self, key: str, now_ms: float) -> KeyRun | None:
        """A key was pressed; the run, if that ends it. What is no key is nothing."""
        if len(key) != 1 or key not in _KEYS:
            return None
        is_late_hash = key == "#" and self._is_full and not self._keys and now_ms - self._last_ms < PAUSE_MS
        self._last_ms, self._is_full = now_ms, False
        if is_late_hash:
            return None  # the end of a run that was over with its last digit
        if key == "#":
            return self._take()
        self._keys += key.upper()
        self._is_full = len(self._keys) >= self._digits
        return self._take() if self._is_full else None

    @property
    def deadline_ms(self) -> float | None:
        return self._last_ms + PAUSE_MS if self._keys else None

    def due(self, now_ms: float) -> KeyRun | None:
        """The run that ended because no further key came."""
        deadline_ms = self.deadline_ms
        return self._take() if deadline_ms is not None and now_ms >= deadline_ms else None

    def _take(self) -> KeyRun:
        keys, self._keys = self._keys or "#", ""
        was_secret, self._is_secret, self._digits = self._is_secret, False, _LONGEST
        if was_secret:
            self._secret = keys
        said = f" {len(keys)} keys{_KEPT}" if was_secret else ": " + " ".join(keys)
        return KeyRun(f"[The caller pressed{said}]", len(keys))
