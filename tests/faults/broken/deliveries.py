"""The dispatch desk with one safeguard taken out each. Every attack must be seen to succeed against the one that lacks its safeguard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from unittest import mock

from functions.proactive import messenger
from pokea.desk import own_shipments
from pokea.desk.own_shipments import Known
from pokea.sautikit import attempts


@contextmanager
def any_name_will_do() -> Iterator[None]:
    with mock.patch.object(own_shipments, "is_same_name", lambda said, known: True):
        yield


@contextmanager
def an_id_is_enough() -> Iterator[None]:
    """Whoever knows a tracking id may have everything."""
    with mock.patch.object(Known, "allows", lambda known, need: True):
        yield


@contextmanager
def names_are_not_counted() -> Iterator[None]:
    with (
        mock.patch.object(own_shipments, "MAX_WRONG_NAMES", 10_000),
        mock.patch.object(own_shipments, "WRONG_NAMES_A_DAY", 10_000),
        mock.patch.object(own_shipments, "WRONG_NAMES_A_PARCEL", 10_000),
    ):
        yield


@contextmanager
def every_event_is_a_wish() -> Iterator[None]:
    """Each event of a shipment asks under a key of its own."""
    numbers = count()
    with mock.patch.object(messenger, "attempt_key", lambda tracking_id, attempt: f"{tracking_id}-{next(numbers)}"):
        yield


@contextmanager
def asked_whenever_it_is_seen() -> Iterator[None]:
    """The attempt has one key, but nothing marks it as asked for."""

    class Forgetful:
        def __init__(self, store: object) -> None:
            self._store = store

        def __getattr__(self, name: str) -> object:
            return getattr(self._store, name)

        def first_sight(self, *_: object) -> bool:
            return True

    place = attempts.place
    with mock.patch.object(
        messenger, "place", lambda request, *, store, **rest: place(request, store=Forgetful(store), **rest)
    ):
        yield
