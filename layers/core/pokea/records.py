"""Records: what the agents know and write beyond the diary, each a frozen dataclass with a `business_id` and a `version`.

A `Kind` says once how its records are named, found, classified and how long they are kept; the store needs to know nothing else:

    TICKET = Kind("ticket", Ticket, key=lambda t: t.ticket_id, lookups=lambda t: (t.account_id,), privacy={…})

    store.record(TICKET, business_id, "T-1041")          one, by its key
    store.records_by(TICKET, business_id, "A-77")        all that one of whose lookups has this value
    store.apply(Change(records=(TICKET.of(ticket),)))    fenced by `ticket.version`, together with whatever else the change holds

Field types: text, numbers, booleans, instants (aware), dates, E164, enums, tuples, mappings with text keys, and dataclasses of these.
A field that is added later needs a default, so that old records stay readable. Lookup values are digested before they become keys, so a
telephone number may be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pokea.ids import BusinessId
from pokea.privacy import Pii, classified


class Entry(Protocol):
    @property
    def business_id(self) -> BusinessId: ...
    @property
    def version(self) -> int: ...


T = TypeVar("T", bound=Entry)


def _none(_: Any) -> tuple[str, ...]:
    return ()


def _for_good(_: Any) -> datetime | None:
    return None


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """`name`: part of the stored key, never changed. `kept_until`: when a record may be tidied away, which decides nothing."""

    name: str
    cls: type[T]
    key: Callable[[T], str]
    privacy: Mapping[str, Pii]
    lookups: Callable[[T], Iterable[str]] = _none
    kept_until: Callable[[T], datetime | None] = _for_good

    def __post_init__(self) -> None:
        classified(self.cls, self.privacy)

    def of(self, value: T) -> Stored[T]:
        return Stored(self, value)


@dataclass(frozen=True)
class Stored(Generic[T]):
    """A record to be written: its content is new, its version is the one that was read (0: it must not exist yet)."""

    kind: Kind[T]
    value: T

    @property
    def name(self) -> tuple[str, BusinessId, str]:
        """What tells this record from every other."""
        return self.kind.name, self.value.business_id, self.kind.key(self.value)
