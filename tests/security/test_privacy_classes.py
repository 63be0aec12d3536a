"""S10: every field that is stored has a class, and nothing but the harmless classes is ever logged."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

import pokea
from pokea.adapters import cdr_items, dynamo_items, observability
from pokea.errors import Misuse
from pokea.phone_numbers import E164
from pokea.privacy import LOGGABLE, Pii, classified
from pokea.records import Kind
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import Closing
from pokea.stored_privacy import CLASSES, checked
from tests.faults.broken.leaky_records import Unclassified, unclassified_kind

# What log lines may hold, by field. Numbers are contacts: they are logged masked, and only as E164.
_HARMLESS = (
    "bridge", "release", "direction", "state", "reply", "operation", "tool", "route", "method", "status", "reason", "outcome", "code",
    "error", "at", "retry_after_s", "took_ms", "count", "port", "failed", "read", "resource", "proof", "sender",
)  # fmt: skip
LOGGED: dict[str, Pii] = {
    **{name: Pii.ID for name in observability.FIELDS if name.endswith("_id")},
    **dict.fromkeys(_HARMLESS, Pii.NONE),
    "a_number": Pii.CONTACT,
    "b_number": Pii.CONTACT,
}
MASKED = {"a_number", "b_number"}


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(pokea.__path__, "pokea."):
        yield importlib.import_module(found.name)


def kinds() -> dict[str, Kind[Any]]:
    return {value.name: value for module in modules() for value in vars(module).values() if isinstance(value, Kind)}


def shapes() -> dict[str, dynamo_items.Shape[Any]]:
    found = {**vars(dynamo_items), **vars(cdr_items)}
    return {name: value for name, value in found.items() if isinstance(value, dynamo_items.Shape)}


def test_every_field_of_every_record_has_a_class() -> None:
    found = kinds()
    assert {"callrecord", "memory", "suppression"} <= set(found)
    for kind in found.values():
        assert {item.name for item in fields(kind.cls)} == set(kind.privacy), kind.name


def test_every_field_of_every_item_has_a_class() -> None:
    found = shapes()
    assert {"CALL", "APPOINTMENT", "PROPOSAL", "CDR", "STATEMENT"} <= set(found)
    for shape in found.values():
        assert shape.cls in CLASSES, shape.cls
        assert set(shape.codecs) <= set(CLASSES[shape.cls])  # type: ignore[index]
    assert {Closing, CallbackTask} <= set(CLASSES)
    assert checked() == CLASSES


def test_a_number_or_a_name_is_never_called_harmless() -> None:
    for name, classes in [(kind.name, kind.privacy) for kind in kinds().values()] + [
        (c.__name__, p) for c, p in CLASSES.items()
    ]:
        for field, pii in classes.items():
            if field in ("a_number", "b_number", "number", "caller", "phone"):
                assert pii is Pii.CONTACT, (name, field)
            if (name, field) != ("ToolUse", "name") and field in (
                "name",
                "transcript",
                "summary",
                "answers",
                "text",
                "words",
                "notes",
            ):
                assert pii not in LOGGABLE, (name, field)


def test_an_unclassified_field_fails_wherever_it_is_added() -> None:
    with pytest.raises(Misuse, match="favourite_colour"):
        unclassified_kind()
    with pytest.raises(Misuse, match="favourite_colour"):
        classified(Unclassified, {"business_id": Pii.ID, "version": Pii.NONE})


def test_logs_hold_the_harmless_classes_only() -> None:
    assert set(LOGGED) == set(observability.FIELDS), "classify the new log field here"
    assert {name for name, pii in LOGGED.items() if pii not in LOGGABLE} == MASKED
    for name in MASKED:
        assert observability.classified({name: E164("+254722000111")}) == {name: "+254…11"}
        assert observability.classified({name: "+254722000111"}) == {name: "…11"}


def test_a_field_that_nobody_classified_is_dropped_and_named() -> None:
    assert observability.classified({"transcript": "Amina"}) == {"unclassified": ["transcript"]}


def test_everything_that_is_stored_is_a_frozen_dataclass() -> None:
    for cls in [kind.cls for kind in kinds().values()] + list(CLASSES):
        assert is_dataclass(cls) and cls.__dataclass_params__.frozen, cls  # type: ignore[attr-defined]
