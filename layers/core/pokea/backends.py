"""A business's own systems behind HTTP: where they are, how they are asked, and how their fields become ours.

What a profile says about them is data (`Backend`); `pokea.adapters.http_backend` does the asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pokea.errors import Indeterminate, Unavailable


class BackendDown(Unavailable):
    """The business's own system cannot be asked now; nothing was changed in it."""


class BackendCannot(BackendDown):
    """The profile names no way to ask the system for that: it is not known, which is not the same as that there is none."""


class BackendUnsure(Indeterminate):
    """The business's own system was asked to change something and nobody knows whether it did."""


class Auth(StrEnum):
    NONE = "none"
    BEARER = "bearer"
    BASIC = "basic"  # the secret is "user:password"
    HEADER = "header"


class Unit(StrEnum):
    """How their system writes an amount."""

    MAJOR = "major"  # 1250.50
    MINOR = "minor"  # 125050


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One system of one business. Paths: by operation, with {names} of what is put in. Fields: by kind of record, ours to theirs.

    `secret` is the name of a secret, never its value. Values: by field, theirs to ours, for words such as states.
    """

    base_url: str
    paths: Mapping[str, str]
    auth: Auth = Auth.NONE
    secret: str = ""
    header: str = ""
    timeout_s: float = 1.5
    lists: Mapping[str, str] = field(
        default_factory=dict
    )  # where a reply keeps its list or record, by operation; "" for all of it
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    send: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # bodies, by operation: ours to theirs
    money: Unit = Unit.MAJOR
    currency: str = ""


# What each kind of system can be asked, and what its paths may name. A path that is missing is something that system cannot do.
OPERATIONS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "accounts": {
        "find": frozenset({"reference"}),
        "by_number": frozenset({"number"}),
        "verify": frozenset({"reference"}),
        "orders": frozenset({"reference"}),
        "tickets": frozenset({"reference"}),
        "outage": frozenset({"area"}),
        "open_ticket": frozenset({"reference"}),
        "add_note": frozenset({"reference", "ticket"}),
    },
    "orders": {"orders": frozenset({"reference"})},
    "shipments": {
        "find": frozenset({"tracking_id"}),
        "latest_of": frozenset({"number"}),
        "of_driver": frozenset({"number"}),
        "reschedule": frozenset({"tracking_id"}),
        "confirm_address": frozenset({"tracking_id"}),
        "note_for_driver": frozenset({"tracking_id"}),
    },
}
REQUIRED: Mapping[str, frozenset[str]] = {
    "accounts": frozenset({"find"}),
    "orders": frozenset({"orders"}),
    "shipments": frozenset({"find"}),
}
