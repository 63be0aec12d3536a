"""How a command finds the stack that `pokea up` runs, and a store: the stack's, else the account's that the environment names.

The clients' library is imported by whoever has a store to open: what a command says without one, it says at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ADDRESS_FILE = "stack.json"  # in the state folder of a running stack


def store_at(state: Path, table: str, setting: str) -> Mapping[str, str] | None:
    """Where the store is and the name of its `table`, under that key. `setting`: what names the account's table. None: there is neither."""
    try:
        found = json.loads((state / ADDRESS_FILE).read_text(encoding="utf-8")).get("store")
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict) and table in found:
        return found
    name = os.environ.get(setting, "")
    return {table: name} if name else None


def client_of(store: Mapping[str, str]) -> Any:
    """A client for what `store_at` has found."""
    import boto3

    if "endpoint" not in store:
        return boto3.client("dynamodb")
    return boto3.client(
        "dynamodb",
        endpoint_url=store["endpoint"],
        region_name=store.get("region", "eu-west-1"),
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
