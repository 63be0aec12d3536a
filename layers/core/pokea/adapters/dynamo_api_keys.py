"""API keys of the businesses: stored as digests, shown once.

A key reads `pokea.<business>.<secret>`. The business in it only says where to look; what a caller may do comes from the stored item.
The secret has 256 random bits, so a plain digest cannot be guessed back and a lookup by digest gives an attacker no timing to learn from.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pokea.adapters.dynamo_items import Item, Key, instant, keyed
from pokea.adapters.dynamo_table import DynamoTable, Put
from pokea.errors import Misuse, Unauthorized
from pokea.ids import BusinessId

SECRET_BYTES = 32
MAX_KEY_CHARACTERS = 256
_KEY = re.compile(r"pokea\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})")
_NOBODY = BusinessId("-")  # no business has this id; a malformed key costs the same lookup as a wrong one


@dataclass(frozen=True, slots=True)
class ApiKeyGrant:
    """What a presented key allows: `scopes` such as "calls:write", of one business."""

    business_id: BusinessId
    scopes: frozenset[str]


class DynamoApiKeyStore:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def create_key(self, business_id: BusinessId, scopes: Iterable[str], *, label: str, at: datetime) -> str:
        """A new key of `business_id`. The answer is the only place where it can ever be read."""
        key = f"pokea.{business_id}.{secrets.token_urlsafe(SECRET_BYTES)}"
        granted = sorted(set(scopes))
        if not _KEY.fullmatch(key) or business_id == _NOBODY or not granted:
            raise Misuse("bad_key_request", "an API key needs a business id of letters, digits, - and _, and a scope")
        item: Item = {"scopes": {"SS": granted}, "label": {"S": label}, "created_at": {"S": instant(at)}}
        self._table.put(Put(keyed(item, _api_key_key(business_id, key)), 0, "api key"))
        return key

    def find(self, key: str) -> ApiKeyGrant:
        """Who presents `key`. Raises Unauthorized for one that is malformed, unknown or revoked, after the same work."""
        parts = _KEY.fullmatch(key) if len(key) <= MAX_KEY_CHARACTERS else None
        business_id = BusinessId(parts[1]) if parts else _NOBODY
        item = self._table.get(_api_key_key(business_id, key))
        if item is None or parts is None:
            raise Unauthorized("bad_api_key", "the API key is not known")
        return ApiKeyGrant(business_id, frozenset(item["scopes"]["SS"]))

    def revoke_key(self, key: str) -> None:
        """Forget `key`; a key that is not known is already revoked."""
        if parts := _KEY.fullmatch(key):
            self._table.delete(_api_key_key(BusinessId(parts[1]), key))


def _api_key_key(business_id: BusinessId, key: str) -> Key:
    return f"BIZ#{business_id}", "APIKEY#" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
