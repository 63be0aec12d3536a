"""The local stack's secrets: drawn once, kept in the state folder, readable by their owner only."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class LocalSecrets:
    token_key: str
    webhook_path_secret: str
    carrier_api_key: str
    webhook_signing_secret: str


def load_or_create(path: Path) -> LocalSecrets:
    """The secrets stored at `path`; the first start draws them."""
    if path.exists():
        return LocalSecrets(**json.loads(path.read_text(encoding="utf-8")))
    drawn = LocalSecrets(
        token_key=secrets.token_urlsafe(32),
        webhook_path_secret=secrets.token_urlsafe(18),
        carrier_api_key="local_" + secrets.token_urlsafe(18),
        webhook_signing_secret="whsec_" + secrets.token_urlsafe(24),
    )
    write_private(path, asdict(drawn))
    return drawn


def write_private(path: Path, values: dict[str, str]) -> None:
    """Store `values` as JSON that only the owner can read; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
    draft.replace(path)
