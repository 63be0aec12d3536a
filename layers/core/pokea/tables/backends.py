"""`[backend.accounts]`, `[backend.orders]`, `[backend.shipments]`: the business's own systems. docs/backends.md has a full example."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.backends import OPERATIONS, REQUIRED, Auth, Backend, Unit
from pokea.errors import RejectedInput
from pokea.money import Money
from pokea.tables.base import Key, Table

_SECRET = re.compile(r"BACKEND_[A-Z0-9_]{1,56}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_JSON_PATH = re.compile(r"[A-Za-z0-9_@$-]+(\.[A-Za-z0-9_@$-]+)*")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_PATH = re.compile(r"/[A-Za-z0-9._~/?=&{}:@,-]*")
# Ours already or the connection's own: a profile must not set them.
_RESERVED_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "cookie"}
)


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("must be an https URL without a query")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or ".." in text:
        raise ValueError("must be a path that begins with a slash")
    return text


def _json_path(text: str) -> str:
    if text and not _JSON_PATH.fullmatch(text):
        raise ValueError("must be names joined by dots")
    return text


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text) or text.lower() in _RESERVED_HEADERS:
        raise ValueError("is not the name of a header that may be set")
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError("must be the name of a secret and begin with BACKEND_")
    return text


def _currency(text: str) -> str:
    try:
        return Money.zero(text).currency
    except RejectedInput as problem:
        raise ValueError(problem.message) from None


JsonPath = Annotated[str, Field(max_length=120), AfterValidator(_json_path)]
Theirs = Annotated[str, Field(min_length=1, max_length=80)]


class BackendTable(Table):
    base_url: Annotated[str, Field(max_length=200), AfterValidator(_url)]
    auth: str = Auth.NONE.value
    secret: Annotated[str, AfterValidator(_secret)] | None = None
    header: Annotated[str, AfterValidator(_header)] | None = None
    timeout_ms: Annotated[int, Field(ge=100, le=2_000)] = 1_500
    money: str = Unit.MAJOR.value
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    paths: dict[Key, Annotated[str, Field(max_length=200), AfterValidator(_path)]]
    lists: dict[Key, JsonPath] = {}
    fields: dict[Key, dict[Key, JsonPath]] = {}
    values: dict[Key, dict[Theirs, Key]] = {}
    send: dict[Key, dict[Key, JsonPath]] = {}

    def check(self, domain: str, business_id: str) -> None:
        """Raises ValueError that begins with the key it means."""
        here, operations = f"backend.{domain}", OPERATIONS[domain]
        if self.auth not in set(Auth):
            raise ValueError(f"{here}.auth: must be one of {', '.join(Auth)}")
        if (self.auth != Auth.NONE) != (self.secret is not None):
            raise ValueError(f"{here}.secret: is needed exactly where auth is not none")
        own = own_secrets(business_id)
        if self.secret is not None and not re.fullmatch(f"{own}[A-Z0-9][A-Z0-9_]*", self.secret):
            raise ValueError(f"{here}.secret: must begin with {own}, so that it is a key of this business")
        if (self.auth == Auth.HEADER) != (self.header is not None):
            raise ValueError(f"{here}.header: is needed exactly where auth is header")
        if self.money not in set(Unit):
            raise ValueError(f"{here}.money: must be one of {', '.join(Unit)}")
        for operation in (*self.paths, *self.lists, *self.send):
            if operation not in operations:
                raise ValueError(f"{here}.paths: {operation!r} is not one of {', '.join(operations)}")
        for operation, path in self.paths.items():
            if unknown := {name for _, name, _, _ in Formatter().parse(path) if name} - operations[operation]:
                raise ValueError(f"{here}.paths.{operation}: {{{sorted(unknown)[0]}}} is not known here")
        if missing := REQUIRED[domain] - self.paths.keys():
            raise ValueError(f"{here}.paths.{sorted(missing)[0]}: is missing")

    def backend(self) -> Backend:
        return Backend(
            base_url=self.base_url,
            paths=self.paths,
            auth=Auth(self.auth),
            secret=self.secret or "",
            header=self.header or "",
            timeout_s=self.timeout_ms / 1_000,
            lists=self.lists,
            fields=self.fields,
            values=self.values,
            send=self.send,
            money=Unit(self.money),
            currency=self.currency or "",
        )


def own_secrets(business_id: str) -> str:
    """What the names of a business's secrets begin with. A hyphen is two underscores, else "kasi" could name what is "kasi-net"'s."""
    return f"BACKEND_{business_id.upper().replace('-', '__')}_"


def check_backends(tables: dict[str, BackendTable], business_id: str) -> None:
    """Raises ValueError that begins with the key it means."""
    for domain, table in tables.items():
        if domain not in OPERATIONS:
            raise ValueError(f"backend.{domain}: is not one of {', '.join(OPERATIONS)}")
        table.check(domain, business_id)
