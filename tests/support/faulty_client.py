"""Faults on the way to DynamoDB, put where botocore sends and receives: requests are built, signed and read as in production."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto

URL = "http://127.0.0.1"


@dataclass(frozen=True, slots=True)
class Fault:
    """`failure` is raised instead of sending, so the service never sees the request, or, with `after`, once it has answered."""

    name: str
    failure: Callable[[], Exception] | None = None
    after: bool = False


def _service_error(status: int, code: str) -> Callable[[], Exception]:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return lambda: boto.ClientError(response, "Injected")


NO_FAULT = Fault("no fault")
NEVER_SENT = Fault("never sent", lambda: boto.ConnectTimeoutError(endpoint_url=URL))
REQUEST_LOST = Fault("request lost", lambda: boto.ReadTimeoutError(endpoint_url=URL))
REPLY_LOST = Fault("reply lost", lambda: boto.ReadTimeoutError(endpoint_url=URL), after=True)
CLOSED_AFTER_WRITE = Fault("closed after write", lambda: boto.ConnectionClosedError(endpoint_url=URL), after=True)
THROTTLED = Fault("throttled", _service_error(400, "ThrottlingException"))
INTERNAL_ERROR = Fault("internal error", _service_error(500, "InternalServerError"))
ERROR_AFTER_WRITE = Fault("error after write", _service_error(500, "InternalServerError"), after=True)


class Faults:
    """Gives one fault to each request of `client`, as long as there are any. `requests`: the operations that were asked for."""

    def __init__(self, client: Any, faults: Iterable[Fault] = ()) -> None:
        self.requests: list[str] = []
        self._faults = iter(faults)
        self._present = NO_FAULT
        client.meta.events.register_first("before-send.dynamodb", self._before)
        client.meta.events.register_first("response-received.dynamodb", self._after)

    def give(self, *faults: Fault) -> None:
        """To the next requests; the record of requests begins anew."""
        self._faults = iter(faults)
        self.requests.clear()

    def _before(self, request: Any, **_: Any) -> None:
        self.requests.append(str(request.headers["X-Amz-Target"], "ascii").rpartition(".")[2])
        self._present = fault = next(self._faults, NO_FAULT)
        if fault.failure is not None and not fault.after:
            raise fault.failure()

    def _after(self, **_: Any) -> None:
        fault, self._present = self._present, NO_FAULT
        if fault.failure is not None and fault.after:
            raise fault.failure()
