"""Asking a business's own system over HTTP: bounded, retried where that is harmless, and honest about what is not known.

    read    GET; 404 means that there is no such thing
    probe   POST that changes nothing (a check of a PIN)
    write   POST with `Idempotency-Key`: the intent, the same on every try

A try that got no reply, a 5xx or no JSON may have been carried out, so a write that ends so is `BackendUnsure`; everything else that
fails is `BackendDown`. All tries of one tool call share one budget of time, and a system that failed often is left alone for a while.
"""

from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from pokea.adapters.breaker import Breaker
from pokea.backends import Auth, Backend, BackendCannot, BackendDown, BackendUnsure
from pokea.errors import CallError, Conflict, Denied, Indeterminate, RejectedInput, Unavailable
from pokea.ids import IntentKey

TRIES = 3
PAUSE_S = 0.05  # doubled per try, and drawn from nothing to that
LEAST_S = 0.05  # with less left nothing is begun
MAX_VALUE = 64
_VALUE = re.compile(r"[A-Za-z0-9+@:_.-]+")
_AGAIN = frozenset({408, 425, 429})
_NOTHING = frozenset({404, 410})


class Reply(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Http(Protocol):
    """`pokea.adapters.public_http.PublicHttp`."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply: ...


class Budget:
    """Seconds that one tool call may spend on outside systems, counted from its first use."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._until: float | None = None

    def left_s(self) -> float:
        now = self._monotonic()
        self._until = now + self._seconds if self._until is None else self._until
        return self._until - now


@dataclass
class HttpBackend:
    """One system for one tool call. `secret` gives the value of the backend's secret; `jitter` gives 0 ≤ x < 1."""

    backend: Backend
    http: Http
    secret: Callable[[str], str] = field(repr=False)
    breaker: Breaker
    budget: Budget
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def can(self, operation: str) -> bool:
        return operation in self.backend.paths

    def read(self, operation: str, **values: str) -> object:
        """What it answers, or None where there is nothing. Raises BackendDown."""
        return self._ask(_Question("GET", self._url(operation, values)), operation)

    def probe(self, operation: str, body: Mapping[str, object], **values: str) -> object:
        """As `read`, for a question that does not belong into a URL."""
        return self._ask(_Question("POST", self._url(operation, values), self._body(operation, body)), operation)

    def write(self, operation: str, intent: IntentKey, body: Mapping[str, object], **values: str) -> object:
        """What it answers, or None where there is nothing to change. Raises BackendDown, BackendUnsure, and Conflict."""
        question = _Question("POST", self._url(operation, values), self._body(operation, body), intent)
        return self._ask(question, operation)

    # --- one question, several tries ------------------------------------------------------------------------------------------

    def _ask(self, question: _Question, operation: str) -> object:
        if not self.breaker.may_ask():
            raise BackendDown(
                "backend_resting", "the system failed several times in a row and is left alone for a while"
            )
        unsure = False
        for number in range(TRIES):
            left_s = self.budget.left_s()
            if left_s < LEAST_S:
                break
            outcome = self._once(question, min(self.backend.timeout_s, left_s), unsure=unsure)
            if isinstance(outcome, _Answer):
                self.breaker.answered()
                return picked(outcome.content, self.backend.lists.get(operation, ""))
            unsure |= outcome.unsure
            pause_s = outcome.wait_s + self.jitter() * PAUSE_S * float(2**number)
            if number + 1 == TRIES or pause_s > self.budget.left_s() - LEAST_S:
                break
            self.sleep(pause_s)
        self.breaker.failed()
        if unsure and question.changes:
            raise BackendUnsure("backend_unsure", "it is not known whether the system carried it out")
        raise BackendDown("backend_down", "the system gave no usable answer")

    def _once(self, question: _Question, timeout_s: float, *, unsure: bool) -> _Answer | _Trouble:
        headers = self._headers(question)
        try:
            reply = self.http.request(
                question.method,
                question.url,
                headers=headers,
                content=question.body,
                timeout_s=timeout_s,
            )
        except Indeterminate:
            return _Trouble(unsure=True)
        except Unavailable as problem:
            return _Trouble(unsure=problem.code != "not_reachable")
        except (Denied, RejectedInput) as problem:
            raise BackendDown("backend_address", f"the address is not asked: {problem.code}") from None
        return self._judged(reply, question, unsure=unsure)

    def _judged(self, reply: Reply, question: _Question, *, unsure: bool) -> _Answer | _Trouble:
        status = reply.status
        if status in _NOTHING:
            return _Answer(None)
        if 200 <= status < 300:
            content = _json(reply.body)
            return _Trouble(unsure=True) if isinstance(content, _NoJson) else _Answer(content)
        if status in _AGAIN:
            return _Trouble(unsure=False, wait_s=_retry_after(reply))
        if status >= 500:
            return _Trouble(unsure=True, wait_s=_retry_after(reply))
        if status == 409 and question.changes:
            if unsure:
                return _Trouble(unsure=True)  # our own first try may still be at work
            self.breaker.answered()
            raise Conflict("backend_conflict", "the system says that this cannot be done now")
        if question.method == "POST" and not question.changes and status in (400, 403, 422):
            return _Answer(False)
        if unsure and question.changes:
            raise BackendUnsure("backend_unsure", f"it answered {status} after a try of which nothing is known")
        self.breaker.answered() if status in (400, 422) else self.breaker.failed()
        raise BackendDown("backend_refused", f"the system answered {status}")

    # --- what is sent ---------------------------------------------------------------------------------------------------------

    def _url(self, operation: str, values: Mapping[str, str]) -> str:
        path = self.backend.paths.get(operation)
        if path is None:
            raise BackendCannot("backend_cannot", f"the system has no {operation}")
        for name, value in values.items():
            if not _VALUE.fullmatch(value) or len(value) > MAX_VALUE or not value.strip("."):
                raise BackendDown("backend_value", f"{name} cannot stand in a URL")
        return self.backend.base_url + path.format_map({name: quote(value, safe="") for name, value in values.items()})

    def _body(self, operation: str, body: Mapping[str, object]) -> bytes:
        names = self.backend.send.get(operation, {})
        sent: dict[str, Any] = {}
        for name, value in body.items():
            if value is not None:
                _put(sent, names.get(name, name).split("."), value)
        return json.dumps(sent, ensure_ascii=False).encode()

    def _headers(self, question: _Question) -> dict[str, str]:
        headers = {"accept": "application/json", "user-agent": "pokea"}
        if question.body is not None:
            headers["content-type"] = "application/json"
        if question.intent is not None:
            headers["idempotency-key"] = question.intent
        return headers | self._proof()

    def _proof(self) -> dict[str, str]:
        backend = self.backend
        if backend.auth is Auth.NONE:
            return {}
        try:
            value = self.secret(backend.secret)
        except CallError as problem:
            raise BackendDown("backend_secret", f"{backend.secret} cannot be read: {problem.code}") from None
        if not value or not value.isascii() or not value.isprintable():
            raise BackendDown("backend_secret", f"{backend.secret} is not set")
        if backend.auth is Auth.BEARER:
            return {"authorization": f"Bearer {value}"}
        if backend.auth is Auth.BASIC:
            return {"authorization": "Basic " + base64.b64encode(value.encode()).decode()}
        return {backend.header.lower(): value}


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    url: str
    body: bytes | None = field(default=None, repr=False)
    intent: IntentKey | None = None

    @property
    def changes(self) -> bool:
        return self.intent is not None


@dataclass(frozen=True, slots=True)
class _Answer:
    content: object


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A try that failed. unsure: the system may have carried it out."""

    unsure: bool
    wait_s: float = 0.0


class _NoJson:
    pass


def _json(body: bytes) -> object:
    """Numbers with a point stay text, so that no amount goes through a float. An empty body is an empty object."""
    if not body.strip():
        return {}
    try:
        content: object = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return _NoJson()
    return content


def _retry_after(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0.0


def picked(content: object, path: str) -> object:
    """What stands at a dotted path: names of objects, numbers of lists. None for nothing; "" is the whole."""
    at: Any = content
    for part in path.split(".") if path else ():
        if isinstance(at, Mapping):
            at = at.get(part)
        elif isinstance(at, list) and part.isascii() and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        else:
            return None
    return at


def _put(into: dict[str, Any], path: list[str], value: object) -> None:
    for part in path[:-1]:
        into = into.setdefault(part, {})
    into[path[-1]] = value
