"""Fresh ids: for nonces, appointments and whatever else must be unique and not guessable."""

from __future__ import annotations

import secrets

ID_BYTES = 10  # 80 random bits: nobody guesses one, and a reference stays short enough to read out


def new_id() -> str:
    """20 letters and digits, never the same twice."""
    return secrets.token_hex(ID_BYTES)
