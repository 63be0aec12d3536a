"""What each stored field says about a person. A field without a class cannot be stored, and only the first two may be logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from pokea.errors import Misuse


class Pii(StrEnum):
    NONE = "none"  # says nothing about anybody: a state, a time, an amount of a price list
    ID = "id"  # a name that we or the carrier gave: a call, a ticket, a shipment
    CONTACT = "contact"  # telephone numbers
    NAME = "name"
    PLACE = "place"  # where somebody lives or can be found
    MONEY = "money"  # balances, what somebody owes
    SPEECH = "speech"  # somebody's own words, or words about them
    SECRET = "secret"  # noqa: S105 - the name of a class of data


LOGGABLE = frozenset({Pii.NONE, Pii.ID})


def classified(cls: type[Any], classes: Mapping[str, Pii]) -> Mapping[str, Pii]:
    """`classes` once it is known to name every field of the dataclass `cls` and nothing else. Raises Misuse."""
    names = {item.name for item in fields(cls)}
    if wrong := names ^ classes.keys():
        raise Misuse("unclassified", f"{cls.__name__}: {', '.join(sorted(wrong))} is not a classified field")
    return classes
