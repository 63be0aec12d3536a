"""Dying on purpose, for services that keep no connection: the requests of one state of a call are cut off, as if the service had crashed.

A call is known by the id that its client puts into `X-Client-Request-Id`: "<number>.<key>-<request>", where number counts the connections
of the caller's call, so that 1 is its first.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

_CALLS_KEPT = 1_000
_CUTS = 2  # a client tries a failed request once more; a service that has crashed fails that one too


@dataclass(slots=True)
class _Call:
    state: str  # in which it is cut off; "" for none
    cuts_left: int


class HttpKills:
    """The n-th fresh call is cut off in the n-th state, cycling. After `down_after` of them every call that is new is refused."""

    def __init__(self, states: Sequence[str] = (), down_after: int = 0, cuts: int = _CUTS) -> None:
        self._cuts = cuts
        self._states = states
        self._down_after = down_after
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._fresh = 0
        self.killed: list[str] = []

    def refuses(self, request_id: str) -> bool:
        return bool(self._down_after) and len(self.killed) >= self._down_after and _key(request_id) not in self._calls

    def is_due(self, request_id: str, *states: str, is_takeover: bool = False) -> bool:
        """Whether the request must be cut off now that its call is in one of `states`. Counts."""
        if not self._states or not request_id:
            return False
        call = self._call(request_id)
        if is_takeover:
            call.state = ""
        if call.state not in states or not call.cuts_left:
            return False
        if call.cuts_left == self._cuts:
            self.killed.append(call.state)
            print(json.dumps({"event": "killed", "state": call.state}), flush=True)
        call.cuts_left -= 1
        return True

    def _call(self, request_id: str) -> _Call:
        key = _key(request_id)
        if key not in self._calls:
            self._calls[key] = _Call(self._next_state() if key.startswith("1.") else "", self._cuts)
            while len(self._calls) > _CALLS_KEPT:
                self._calls.popitem(last=False)
        return self._calls[key]

    def _next_state(self) -> str:
        self._fresh += 1
        return self._states[(self._fresh - 1) % len(self._states)]


def _key(request_id: str) -> str:
    return request_id.rpartition("-")[0]
