"""HTTP to addresses that somebody else wrote down: https only, public addresses only, bounded in time and size.

A URL in a profile is trusted to name a business's own system and nothing more. So each connection, also that of a redirect, is made to an
address that was looked up and checked by us in the same breath: a name that answers once with a public and once with a private address
gains nothing, because it is not looked up twice. Certificates are checked against the name in the URL as always.

With `allow_private`, for desks and tests, plain http and any address will do.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from pokea.errors import Denied, Indeterminate, RejectedInput, Unavailable

MAX_URL_CHARS = 2_048
MAX_REDIRECTS = 3
_WRITTEN_AT_ONCE = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = IPv6Network("64:ff9b::/96")
Address = IPv4Address | IPv6Address
LookUp = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` in lower case. `url` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def is_public(address: Address) -> bool:
    """Whether `address` lies on the open Internet. What an IPv6 address carries inside counts as well."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def check_url(url: str, *, allow_private: bool = False) -> str:
    """`url` if it may be asked at all. Raises RejectedInput for what is no such URL, Denied for one that names a private address."""
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise RejectedInput("bad_url", "not a URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RejectedInput("bad_url", "not a URL") from None
    if parts.scheme not in (("https", "http") if allow_private else ("https",)) or not host:
        raise RejectedInput("bad_url", "must be an https URL")
    if parts.username is not None or parts.password is not None:
        raise RejectedInput("bad_url", "a URL must not hold a password")
    if not allow_private and port not in (None, 443, 8443):
        raise Denied("port_not_allowed", "only the ports 443 and 8443 are asked")
    try:
        literal = ip_address(host)
    except ValueError:
        return url
    if not allow_private and not is_public(literal):
        raise Denied("address_not_public", "the address is not a public one")
    return url


def look_up(host: str, port: int) -> tuple[str, ...]:
    """Every address of `host`. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Until(threading.local):
    """When the request of this thread has to be over: a connection of the pool serves one request at a time, in the thread that asked."""

    at: float = 0.0

    def within(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """Seconds that one step may take. Raises `late` where none are left."""
        left_s = self.at - time.monotonic()
        if left_s <= 0:
            raise late("the request takes too long")
        return left_s if timeout is None else min(timeout, left_s)


class _TimedStream(httpcore.NetworkStream):
    """A timeout of a socket bounds one step, and whoever drips takes many steps; here all steps of a request end together."""

    def __init__(self, inner: httpcore.NetworkStream, until: _Until) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._until.within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            part = buffer[start : start + _WRITTEN_AT_ONCE]
            self._inner.write(part, self._until.within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = self._until.within(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left_s), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to the very address that was checked."""

    def __init__(self, find: LookUp, until: _Until, *, allow_private: bool) -> None:
        self._find = find
        self._until = until
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = tuple(self._find(host, port))
        except OSError as problem:
            raise httpcore.ConnectError("the name was not found") from problem
        if not addresses:
            raise httpcore.ConnectError("the name has no address")
        if not self._allow_private and not all(
            is_public(ip_address(address.partition("%")[0])) for address in addresses
        ):
            raise Denied("address_not_public", "the name leads to an address that is not public")
        left_s = self._until.within(timeout, httpcore.ConnectTimeout)
        stream = super().connect_tcp(addresses[0], port, left_s, local_address, socket_options)
        return _TimedStream(stream, self._until)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class PublicHttp:
    """One per process; safe to share between threads. `find` looks names up.

    `timeout_s` is the whole time of a request, with its redirects, however slowly the other side drips.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float = 1.5,
        max_bytes: int = 256 * 1024,
        find: LookUp = look_up,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._until = _Until()
        backend = _CheckedBackend(find, self._until, allow_private=allow_private)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or _trust(), network_backend=backend, max_connections=16, keepalive_expiry=30.0
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """The reply, whatever its status. A GET follows redirects to checked addresses; anything else does not.

        Raises RejectedInput and Denied for addresses that are not asked, Unavailable where nothing can have happened, and
        Indeterminate where the other side may have acted before the connection was lost.
        """
        self._until.at = time.monotonic() + (timeout_s or self._timeout_s)
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._once(method, url, headers or {}, content)
            location = reply.headers.get("location", "")
            if method != "GET" or reply.status not in _REDIRECTS or not location:
                return reply
            target = urljoin(url, location)
            if urlsplit(target).netloc != urlsplit(url).netloc:
                headers = None  # they may hold a key, and it is not for another host
            url = target
        raise Unavailable("too_many_redirects", "redirected too often")

    def close(self) -> None:
        self._pool.close()

    def _once(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Reply:
        check_url(url, allow_private=self._allow_private)
        try:
            left_s = self._until.within(None, httpcore.ConnectTimeout)
            timeout = dict.fromkeys(("connect", "read", "write", "pool"), left_s)
            with self._pool.stream(
                method, url, headers=list(headers.items()), content=content, extensions={"timeout": timeout}
            ) as response:
                body = self._body(response)
                fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return Reply(response.status, fields, body, url)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as problem:
            raise Unavailable("not_reachable", f"could not connect: {type(problem).__name__}") from problem
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as problem:
            kind = Unavailable if method == "GET" else Indeterminate
            raise kind("no_reply", f"no reply: {type(problem).__name__}") from problem

    def _body(self, response: httpcore.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_stream():
            size += len(part)
            if size > self._max_bytes:
                raise Unavailable("reply_too_large", f"the reply is larger than {self._max_bytes} bytes")
            parts.append(part)
        return b"".join(parts)
