"""Failures of the REST API that a test can order."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

_CODES = {
    401: "api_key.invalid",
    402: "wallet.insufficient_funds",
    403: "api_key.scope_denied",
    404: "calls.not_found",
    409: "idempotency.conflict",
    429: "rate_limited",
    500: "internal_error",
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """The next `times` requests with this method whose path matches `path` (a regular expression, searched) are answered so.

    after_effect: the request is carried out first and only its answer is lost. shape: the usual envelope, a bare `{code, reason}`, or
    an HTML page. delay_s: how long the answer takes. status 0: nothing is answered wrongly, only late.
    """

    status: int
    method: str = "POST"
    path: str = "/v1/calls"
    code: str = ""
    times: int = 1
    retry_after_s: int | None = None
    after_effect: bool = False
    shape: Literal["envelope", "bare", "html"] = "envelope"
    delay_s: float = 0.0

    @property
    def error_code(self) -> str:
        return self.code or _CODES.get(self.status, "internal_error")


class FaultPlan:
    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._planned.append(fault)

    def clear(self) -> None:
        self._planned.clear()

    async def take(self, method: str, path: str) -> Fault | None:
        """The fault this request runs into, after its delay; it is used up by that."""
        for fault in self._planned:
            if fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
                await asyncio.sleep(fault.delay_s)
                return fault
        return None
