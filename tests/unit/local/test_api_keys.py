"""The API keys of a desk: drawn once, and again when they may do too little."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.stack import LOCAL_SCOPES, ensure_api_keys
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.ids import BusinessId
from tests.support.store import moto_table

NOW = datetime(2031, 3, 1, tzinfo=UTC)


def test_a_key_is_kept_and_one_of_an_earlier_version_is_drawn_again(tmp_path: Path) -> None:
    with moto_table() as table:
        store = DynamoApiKeyStore(table)
        weak = store.create_key(BusinessId("weak"), ("calls:write",), label="old", at=NOW)
        (tmp_path / "api_keys.json").write_text(json.dumps({"weak": weak, "lost": "pokea.lost.x"}))
        stack: Any = SimpleNamespace(options=SimpleNamespace(state_dir=tmp_path), core_table=lambda: table)
        desk: Any = SimpleNamespace(profiles={"weak": None, "lost": None, "fresh": None})
        ensure_api_keys(stack, desk)
        keys = json.loads((tmp_path / "api_keys.json").read_text())
        assert set(keys) == {"weak", "lost", "fresh"} and keys["weak"] != weak
        assert all(store.find(key).scopes == set(LOCAL_SCOPES) for key in keys.values())
        ensure_api_keys(stack, desk)
        assert json.loads((tmp_path / "api_keys.json").read_text()) == keys
