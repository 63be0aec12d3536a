"""A reply's fields read as ours: by the profile's map, each into its own type, and bounded. Their text is a stranger's input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from pokea.adapters.http_backend import picked
from pokea.backends import Backend, BackendDown, Unit
from pokea.clock import as_utc
from pokea.errors import CallError
from pokea.money import Money
from pokea.phone_numbers import E164, parse

MAX_TEXT = 200
MAX_ITEMS = 50
S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Fields:
    """One record of a reply. `kind`: which of the profile's field maps it goes by; without an entry a field has our own name."""

    backend: Backend
    kind: str
    record: Mapping[str, object]

    def value(self, name: str) -> object:
        return picked(self.record, self.backend.fields.get(self.kind, {}).get(name, name))

    def text(self, name: str) -> str:
        """What can be spoken of it; "" for nothing."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        plain = "".join(char if char.isprintable() else " " for char in str(value)[: 4 * MAX_TEXT])
        return " ".join(plain.split())[:MAX_TEXT]

    def required(self, name: str) -> str:
        text = self.text(name)
        if not text:
            raise BackendDown("backend_reply", f"the {self.kind} in the reply has no {name}")
        return text

    def money(self, name: str) -> Money | None:
        value, currency = self.value(name), self.backend.currency
        if value is None or isinstance(value, bool) or not isinstance(value, str | int) or not currency:
            return None
        try:
            if self.backend.money is Unit.MINOR:
                return Money.from_minor(int(value), currency)
            return Money.parse(str(value).strip(), currency)
        except (CallError, ValueError):
            raise BackendDown("backend_reply", f"the {self.kind}'s {name} is no amount") from None

    def day(self, name: str) -> date | None:
        text = self.text(name)
        try:
            return date.fromisoformat(text[:10]) if text else None
        except ValueError:
            raise BackendDown("backend_reply", f"the {self.kind}'s {name} is no date") from None

    def instant(self, name: str) -> datetime | None:
        """ISO 8601; without an offset it is UTC."""
        text = self.text(name)
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise BackendDown("backend_reply", f"the {self.kind}'s {name} is no time") from None
        if moment is None:
            return None
        return as_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

    def numbers(self, name: str, country: str) -> tuple[E164, ...]:
        """Those that are telephone numbers; others are left out."""
        value = self.value(name)
        found: list[E164] = []
        for item in (value if isinstance(value, list) else [value])[:MAX_ITEMS]:
            try:
                found.append(parse(str(item), country))
            except CallError:
                continue
        return tuple(dict.fromkeys(found))

    def words(self, name: str) -> dict[str, str]:
        """Words by language: an object, or one text for all (under "")."""
        value = self.value(name)
        if isinstance(value, Mapping):
            inner = Fields(self.backend, "", value)
            return {str(key): inner.text(str(key)) for key in list(value)[:10] if inner.text(str(key))}
        text = self.text(name)
        return {"": text} if text else {}

    def flag(self, name: str) -> bool:
        return self.value(name) is True

    def state(self, name: str, states: type[S], default: S | None = None) -> S:
        """By the profile's `values`, else by our own words. Raises BackendDown for a word that nobody explained."""
        said = self.text(name)
        if not said and default is not None:
            return default
        ours = self.backend.values.get(f"{self.kind}_{name}", {}).get(
            said, said.casefold().replace("-", "_").replace(" ", "_")
        )
        try:
            return states(ours)
        except ValueError:
            raise BackendDown(
                "backend_reply", f"the {self.kind}'s {name} is a word that values does not explain"
            ) from None


def one(backend: Backend, kind: str, content: object) -> Fields | None:
    """The record of a reply; of a list the first one."""
    if isinstance(content, list):
        content = content[0] if content else None
    if content is None or content is False:
        return None
    if not isinstance(content, Mapping):
        raise BackendDown("backend_reply", f"the reply holds no {kind}")
    return Fields(backend, kind, content) if content else None


def several(backend: Backend, kind: str, content: object) -> tuple[Fields, ...]:
    if content is None:
        return ()
    if not isinstance(content, list):
        raise BackendDown("backend_reply", f"the reply holds no list of {kind}s")
    return tuple(Fields(backend, kind, item) for item in content[:MAX_ITEMS] if isinstance(item, Mapping))
