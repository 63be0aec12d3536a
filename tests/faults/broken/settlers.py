"""Settlers, couriers and results with one safeguard taken out each. Every law must be seen to fail against one of them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from functions.settler import clerk, news
from functions.webhooks import courier
from pokea.campaigns import results, settling, suppressing, webhooks
from pokea.campaigns.contact import Disposition
from pokea.campaigns.told import TOLD
from pokea.campaigns.told import told as told_record
from pokea.ports import Change
from pokea.sautikit.signature import sign


@contextmanager
def the_first_word_stands() -> Iterator[None]:
    """What was settled is never put right."""
    with mock.patch.object(settling, "_weight", lambda disposition: -1 if disposition is None else len(Disposition)):
        yield


@contextmanager
def the_next_attempt_is_due_by_the_clock_of_the_look() -> Iterator[None]:
    with mock.patch.object(settling, "_ended_at", lambda known, now: now):
        yield


@contextmanager
def settles_whatever_it_is_told() -> Iterator[None]:
    """Every word is taken for news, also what was settled long ago."""
    with mock.patch.object(settling, "_weight", lambda disposition: -1):
        yield


@contextmanager
def labels_are_not_looked_at() -> Iterator[None]:
    """A call settles its contact, whichever attempt it was."""
    honest = settling.settle

    def careless(contact: Any, campaign: Any, known: settling.Known, *rest: Any) -> Any:
        return honest(
            contact, campaign, replace(known, call=replace(known.call, client_request_id=contact.label)), *rest
        )

    with mock.patch.object(clerk, "settle", careless):
        yield


@contextmanager
def an_opt_out_leaves_the_lists_as_they_are() -> Iterator[None]:
    with mock.patch.object(clerk, "take_off", lambda *_: 0):
        yield


@contextmanager
def rings_again_whoever_opted_out_elsewhere() -> Iterator[None]:
    honest = settling.Known

    def forgetful(**known: Any) -> settling.Known:
        return honest(**{**known, "suppressed": False})

    with mock.patch.object(clerk, "Known", forgetful):
        yield


@contextmanager
def a_blocked_number_is_not_noted() -> Iterator[None]:
    with mock.patch.object(clerk, "block", lambda *_: None), mock.patch.object(suppressing, "block", lambda *_: None):
        yield


@contextmanager
def a_machine_is_taken_for_a_person() -> Iterator[None]:
    with mock.patch.object(settling, "ANSWERER", {}):
        yield


@contextmanager
def every_retry_is_allowed() -> Iterator[None]:
    """Counts no attempts."""
    with mock.patch.object(settling, "_most_attempts", lambda campaign, disposition: 1_000):
        yield


@contextmanager
def does_not_remember_what_it_told() -> Iterator[None]:
    blank = mock.Mock()
    blank.record.return_value = None
    honest = news.Newsroom.tell_of_lead

    def told(self: news.Newsroom, contact: Any, now: datetime) -> None:
        honest(news.Newsroom(lambda: blank, self.emit), contact, now)

    with mock.patch.object(news.Newsroom, "tell_of_lead", told):
        yield


@contextmanager
def notes_before_it_tells() -> Iterator[None]:
    """A bus that fails then never hears of it."""

    def told(self: news.Newsroom, contact: Any, now: datetime) -> None:
        if contact.disposition is None or not settling.told_of(contact.disposition):
            return
        detail = webhooks.detail_of_lead(contact, contact.disposition)
        name = str(detail["idempotency_key"])
        if self._store().record(TOLD, contact.business_id, name) is not None:
            return
        self._store().apply(Change(records=(TOLD.of(told_record(contact.business_id, name, now)),)))
        self.emit("lead.qualified", detail)

    with mock.patch.object(news.Newsroom, "tell_of_lead", told):
        yield


@contextmanager
def signs_the_body_alone() -> Iterator[None]:
    """Without the time, which can then be changed."""
    honest = sign

    def timeless(body: bytes, secret: str, at: datetime) -> str:
        t, _, _ = honest(body, secret, at).partition(",")
        return f"{t},v1={hashlib.sha256(secret.encode() + body).hexdigest()}"

    with mock.patch.object(webhooks, "sign", timeless):
        yield


@contextmanager
def signs_what_it_parsed_and_wrote_again() -> Iterator[None]:
    honest = webhooks.headers

    def again(kind: str, name: str, body: bytes, secrets: Sequence[str], at: datetime) -> Mapping[str, str]:
        return honest(kind, name, json.dumps(json.loads(body)).encode(), secrets, at)

    with mock.patch.object(courier, "headers", again):
        yield


@contextmanager
def a_new_id_for_every_delivery() -> Iterator[None]:
    numbers, honest = itertools.count(), webhooks.headers

    def fresh(kind: str, name: str, *rest: Any) -> Mapping[str, str]:
        return honest(kind, f"{name}{next(numbers)}", *rest)

    with mock.patch.object(courier, "headers", fresh):
        yield


@contextmanager
def writes_cells_as_they_come() -> Iterator[None]:
    with mock.patch.object(results, "guarded", lambda cell, **_: cell):
        yield


@contextmanager
def lets_line_breaks_through() -> Iterator[None]:
    with mock.patch.object(results, "one_line", lambda said: said):
        yield


@contextmanager
def takes_unknown_costs_for_nothing() -> Iterator[None]:
    honest = results._micros
    with mock.patch.object(results, "_micros", lambda *known: honest(*known) or 0):
        yield
