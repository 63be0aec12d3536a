"""Records in the core table; see `pokea.records`.

    pk                                    sk       what
    REC#<business>#<kind>#<key>           META     the record: JSON in `content`, its fence in `version`
    LOOK#<business>#<kind>#<digest>       <key>    pointer from one lookup value to a record

Pointers are written with every version and never taken away; whoever follows one asks the record whether it still holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pokea.adapters.dynamo_items import META, Item, Key, Value, keyed
from pokea.adapters.dynamo_table import Put
from pokea.errors import Misuse
from pokea.ids import BusinessId
from pokea.records import Kind, Stored, T

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_KEY_CHARS = 200


def record_key(kind: Kind[Any], business_id: BusinessId, key: str) -> Key:
    return f"REC#{business_id}#{kind.name}#{key[:MAX_KEY_CHARS]}", META


def lookup_partition(kind: Kind[Any], business_id: BusinessId, lookup: str) -> str:
    """A digest keeps numbers and names out of keys, which show up in metrics and traces; it is not meant to resist guessing."""
    digest = hashlib.sha256(f"{kind.name}\n{business_id}\n{lookup}".encode()).hexdigest()[:32]
    return f"LOOK#{business_id}#{kind.name}#{digest}"


def puts_of_record(stored: Stored[Any]) -> list[Put]:
    """The fenced write of one record, and its pointers."""
    kind, value = stored.kind, stored.value
    key = kind.key(value)
    if not key or len(key) > MAX_KEY_CHARS:
        raise Misuse("bad_record_key", f"a {kind.name} has a key of 1 to {MAX_KEY_CHARS} characters")
    written = replace(value, version=value.version + 1)
    expires = kind.kept_until(written)
    content: Item = {
        "content": {"S": _codec(kind).dump_json(written).decode()},
        "version": {"N": str(written.version)},
    }
    item = keyed(content, record_key(kind, value.business_id, key), expires=expires)
    pointers = [
        keyed({}, (lookup_partition(kind, value.business_id, lookup), key), expires=expires)
        for lookup in dict.fromkeys(kind.lookups(written))
    ]
    return [Put(item, value.version, kind.name), *(Put(pointer, None, "pointer") for pointer in pointers)]


def read_record(kind: Kind[T], item: Mapping[str, Value]) -> T:
    """Fields that the class no longer has are left behind. Raises Misuse for what is no such record."""
    try:
        record: T = _codec(kind).validate_json(item["content"]["S"])
    except (KeyError, ValueError):
        raise Misuse("corrupt_item", f"a stored {kind.name} cannot be read") from None
    return record


@cache
def _codec(kind: Kind[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # imported on first use: functions that read no records do not pay for it

    return TypeAdapter(kind.cls)
