"""Spans to an OpenTelemetry collector by OTLP over HTTP: by a thread, from a queue that drops rather than grows.

`endpoint` is a base address as `OTEL_EXPORTER_OTLP_ENDPOINT` has it. That of X-Ray itself (https://xray.<region>.amazonaws.com) is asked
in the name of this process's role.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import httpx

from pokea.otlp import encode
from pokea.tracing import Span

QUEUE_SPANS = 4_096  # a megabyte or two, and a minute of a busy worker
BATCH_SPANS = 256
EVERY_S = 2.0
WITHIN_S = 3.0
LAST_S = 4.0  # for what waits when the process ends
XRAY = re.compile(r"^https://xray\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
Sign = Callable[[str, bytes, dict[str, str]], Mapping[str, str]]
log = logging.getLogger(__name__)


class ToCollector:
    def __init__(self, resource: Mapping[str, str], endpoint: str, every_s: float = EVERY_S) -> None:
        self.dropped = 0
        self._resource = resource
        self._url = endpoint.rstrip("/") + "/v1/traces"
        found = XRAY.match(endpoint.rstrip("/"))
        self._sign: Sign = _plain if found is None else signed_for(found.group(1))
        self._every_s = every_s
        self._waiting: deque[Span] = deque()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._is_over = False
        self._thread: threading.Thread | None = None
        self._is_down = False

    def __call__(self, spans: Sequence[Span]) -> None:
        with self._guard:
            room = 0 if self._is_over else QUEUE_SPANS - len(self._waiting)
            self._waiting.extend(spans[:room] if room > 0 else ())
            self.dropped += max(0, len(spans) - max(0, room))
            if self._thread is None and not self._is_over:
                self._thread = threading.Thread(target=self._keep, name="traces", daemon=True)
                self._thread.start()

    def close(self) -> None:
        with self._guard:
            self._is_over, thread = True, self._thread
        self._wake.set()
        if thread is not None:
            thread.join(LAST_S)

    def _keep(self) -> None:
        with httpx.Client(timeout=WITHIN_S, trust_env=False) as client:
            while True:
                self._wake.wait(self._every_s)
                self._empty(client)
                if self._is_over:
                    return

    def _empty(self, client: httpx.Client) -> None:
        """Send what waits. What is not taken is dropped: the next spans matter more than these."""
        while True:
            with self._guard:
                batch = list(islice(self._waiting, BATCH_SPANS))
                for _ in batch:
                    self._waiting.popleft()
            if not batch:
                return
            if not self._took(client, encode(self._resource, batch)):
                with self._guard:
                    self.dropped += len(batch)
                return

    def _took(self, client: httpx.Client, body: bytes) -> bool:
        headers = {"content-type": "application/x-protobuf"}
        try:
            status = client.post(
                self._url, content=body, headers=dict(self._sign(self._url, body, headers))
            ).status_code
            problem = "" if status < 300 else f"HTTP {status}"
        except (httpx.HTTPError, SigningFailed) as error:
            problem = type(error).__name__
        if bool(problem) is not self._is_down:
            self._is_down = bool(problem)
            log.warning("traces are %s", f"not taken: {problem}" if problem else "taken again")
        return not problem


class SigningFailed(Exception):
    """There are no credentials, or they cannot be read now."""


def _plain(url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
    return headers


def signed_for(region: str) -> Sign:
    """Signs as AWS wants it (SigV4, service xray)."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    session = boto3.session.Session()

    def sign(url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
        try:
            credentials = session.get_credentials()
            if credentials is None:
                raise SigningFailed
            request = AWSRequest(method="POST", url=url, data=body, headers=headers)
            SigV4Auth(credentials.get_frozen_credentials(), "xray", region).add_auth(request)
        except BotoCoreError:
            raise SigningFailed from None
        return dict(request.headers.items())

    return sign
