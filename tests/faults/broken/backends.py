"""Ways to ask a business's own system, or the tools function, with one safeguard taken out each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from bridge.shell import tool_client
from pokea.adapters import http_backend
from pokea.adapters.http_backend import HttpBackend
from pokea.backends import BackendDown


@contextmanager
def a_key_of_its_own_for_every_try() -> Iterator[None]:
    """The other side cannot tell a retry from a second wish."""
    numbers = itertools.count()
    honest = HttpBackend._headers

    def fresh(self: HttpBackend, question: Any) -> dict[str, str]:
        headers = honest(self, question)
        if "idempotency-key" in headers:
            headers["idempotency-key"] = f"{headers['idempotency-key'][:-4]}{next(numbers):04d}"
        return headers

    with mock.patch.object(HttpBackend, "_headers", fresh):
        yield


@contextmanager
def silence_taken_for_no() -> Iterator[None]:
    """Says that nothing was changed wherever no answer came."""

    def certain(*args: Any) -> BackendDown:
        return BackendDown(*args)

    with mock.patch.object(http_backend, "BackendUnsure", certain):
        yield


@contextmanager
def tries_without_end() -> Iterator[None]:
    with mock.patch.object(http_backend, "TRIES", 50), mock.patch.object(tool_client, "_RETRIES", 50):
        yield


@contextmanager
def silence_taken_for_done() -> Iterator[None]:
    """Tells the model that it worked whenever the function did not say otherwise."""

    def cheerful(problem: Exception) -> Mapping[str, object]:
        return {"status": "booked", "say": "Done."}

    with mock.patch.object(tool_client, "failure_words", cheerful):
        yield


@contextmanager
def patience_without_end() -> Iterator[None]:
    """Waits for the other side for as long as it takes."""
    with mock.patch.object(http_backend.Budget, "left_s", lambda self: 60.0):
        yield
