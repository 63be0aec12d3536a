"""Sends the spans of calls to wherever traces are collected (docs/observability.md). Nobody waits for it, and nothing fails of it.

    traces = traces_of(settings, "voice", log)
    with traces.span("hook") as span:
        span.of(session_id, state=…)

    http(s)    to an OpenTelemetry collector, or to X-Ray's own OTLP address, by a thread with a bounded queue
    daemon     to the X-Ray daemon that Lambda runs beside a function, one datagram a span: a function that has answered is frozen, so that
               a thread of its own would send nothing. It takes OTLP as AWS's distribution of OpenTelemetry sends it, behind a prefix

What cannot be sent is dropped and counted. A span that never learned which call it belongs to is none.
"""

from __future__ import annotations

import os
import socket
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from pokea.adapters.observability import Log, classified
from pokea.adapters.settings import BadSettings
from pokea.errors import CallError, RejectedInput, Unauthorized
from pokea.otlp import encode
from pokea.tracing import Kind, Span, Value, attributes, root_of

DAEMON_PREFIX = b'{"format":"json","version":1}\nT1S'  # T1S: OTLP in base64, and the trace is to be kept
DATAGRAM_BYTES = 60_000  # a longer one does not fit


class Send(Protocol):
    """`dropped`: spans that were not sent, since the start."""

    dropped: int

    def __call__(self, spans: Sequence[Span]) -> None: ...

    def close(self) -> None:
        """Send what waits, within a few seconds."""


class Traces:
    """Where spans go; without `send` nowhere."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send

    @property
    def are_kept(self) -> bool:
        return self._send is not None

    @property
    def dropped(self) -> int:
        return 0 if self._send is None else self._send.dropped

    def span(self, name: str, kind: Kind = Kind.SERVER) -> OpenSpan:
        return OpenSpan(self, name, kind)

    def add(self, *spans: Span) -> None:
        if self._send is not None:
            self._send(spans)

    def close(self) -> None:
        if self._send is not None:
            self._send.close()


class OpenSpan:
    """A stretch of time that is under way: sent when its block is left, if it has learned whose it is."""

    def __init__(self, traces: Traces, name: str, kind: Kind) -> None:
        self._traces = traces
        self._name = name
        self._kind = kind
        self._fields: dict[str, object] = {}
        self._session_id = ""
        self._parent: bytes | None = None
        self._began_ns = self._started_ns = 0

    def of(self, session_id: str | None, parent: bytes | None = None, **fields: Value | None) -> None:
        """Which call it belongs to, and what is said of it. `parent`: the call itself, unless told otherwise. May be asked again."""
        self._session_id = session_id or self._session_id
        self._parent = parent or self._parent
        self._fields |= fields

    def nothing(self) -> None:
        """It was not worth telling."""
        self._session_id = ""

    def __enter__(self) -> Self:
        if self._traces.are_kept:
            self._began_ns, self._started_ns = time.time_ns(), time.perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._traces.are_kept or not self._session_id or isinstance(error, Unauthorized | RejectedInput):
            return  # whoever did not prove who they are has not proven which call it is either
        if error is not None:
            self._fields["error"] = type(error).__name__
            self._fields["code"] = error.code if isinstance(error, CallError) else None
        said = self._fields | {"session_id": self._session_id}
        span = Span(
            name=self._name,
            session_id=self._session_id,
            span_id=os.urandom(8),
            parent_id=self._parent or root_of(self._session_id),
            began_ns=self._began_ns,
            ended_ns=self._began_ns + time.perf_counter_ns() - self._started_ns,
            kind=self._kind,
            attributes=harmless(said),
            failed=error is not None,
        )
        self._traces.add(span)


def harmless(fields: Mapping[str, object]) -> dict[str, Value]:
    """Of `fields` what a span may hold, as a log line would hold it: a number of a telephone in a text is masked, a long one is cut."""
    logged = {name: value for name, value in classified(dict(fields)).items() if isinstance(value, str | int | bool)}
    return attributes(logged)


class ToDaemon:
    """`address`: host:port."""

    def __init__(self, resource: Mapping[str, str], address: str) -> None:
        self.dropped = 0
        self._resource = resource
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("is not host:port")
        self._address = (host, int(port))
        self._socket: socket.socket | None = None

    def __call__(self, spans: Sequence[Span]) -> None:
        for span in spans:
            datagram = DAEMON_PREFIX + b64encode(encode(self._resource, (span,)))
            try:
                if len(datagram) > DATAGRAM_BYTES:
                    raise OSError("too long")
                self._opened().sendto(datagram, self._address)
            except OSError:
                self.dropped += 1

    def _opened(self) -> socket.socket:
        """Opened with the first span: one of a snapshot would be of another machine."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class TraceSettings(Protocol):
    @property
    def traces(self) -> bool: ...
    @property
    def otlp_endpoint(self) -> str: ...
    @property
    def xray_daemon(self) -> str: ...


def traces_of(settings: TraceSettings, service: str) -> Traces:
    """Where a function's spans go. One that has nowhere to send them works without, and says so once. Raises BadSettings."""
    if not settings.traces:
        return Traces()
    described = {"service.name": f"pokea-{service}"}
    if settings.otlp_endpoint:
        from pokea.adapters.otlp_http import ToCollector

        return Traces(ToCollector(described, settings.otlp_endpoint))
    if not settings.xray_daemon:
        Log(service).warning("traces have nowhere to go")
        return Traces()
    try:
        return Traces(ToDaemon(described, settings.xray_daemon))
    except ValueError as problem:
        raise BadSettings("AWS_XRAY_DAEMON_ADDRESS", str(problem)) from None
