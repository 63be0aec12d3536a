"""The template's functions, imported once, called in worker threads."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from local.gateway_template import BadTemplate, Function

MAX_WORKERS = 32  # calls in progress; more wait, as they would for concurrency in an account
Handler = Callable[[Any, Any], Any]


class FunctionError(Exception):
    """The handler raised. `kind` is the class of what it raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.kind = type(error).__name__


class TimedOut(Exception):
    """The handler took longer than its template allows. It goes on in its thread: a process cannot be frozen by half."""

    kind = "Sandbox.Timedout"


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler about its invocation, as far as ours look."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline_s: float  # on the monotonic clock

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.deadline_s - time.monotonic()) * 1_000))


class Functions:
    """Every function of a template. Use as a context manager: leaving it waits for the calls in progress."""

    def __init__(self, described: Sequence[Function]) -> None:
        self._described = {function.name: function for function in described}
        _forget(described)
        given = frozenset[str]().union(*(function.given for function in described))
        self._handlers = {function.name: _imported(function, given - function.given) for function in described}
        self._loops: list[asyncio.AbstractEventLoop] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(MAX_WORKERS, "function", initializer=self._give_loop)
        self._later: set[asyncio.Task[Any]] = set()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._described)

    async def call(self, name: str, event: object) -> Any:
        """The handler's answer, having passed through JSON both ways. Raises FunctionError and TimedOut."""
        function = self._described[name]
        working = asyncio.get_running_loop().run_in_executor(self._pool, self._run, function, json.dumps(event))
        try:
            return await asyncio.wait_for(asyncio.shield(working), function.timeout_s)
        except TimeoutError:
            working.add_done_callback(_outcome_unseen)
            raise TimedOut(f"Task timed out after {function.timeout_s:.2f} seconds") from None

    def call_later(self, name: str, event: object) -> None:
        """Start an asynchronous invocation; nobody waits for its answer."""
        task = asyncio.create_task(self.call(name, event))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        task.add_done_callback(_outcome_unseen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for loop in self._loops:
            loop.close()

    def _give_loop(self) -> None:
        """Mangum asks its thread for an event loop; only a main thread has one by itself."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        with self._lock:
            self._loops.append(loop)

    def _run(self, function: Function, event: str) -> Any:
        context = Context(
            function_name=function.name,
            memory_limit_in_mb=function.memory_mb,
            invoked_function_arn=f"arn:aws:lambda:local:000000000000:function:{function.name}:live",
            aws_request_id=str(uuid.uuid4()),
            deadline_s=time.monotonic() + function.timeout_s,
        )
        try:
            return json.loads(json.dumps(self._handlers[function.name](json.loads(event), context)))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            raise FunctionError(error) from error


def _outcome_unseen(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def _forget(described: Sequence[Function]) -> None:
    """Drop entry modules imported before, whose parts were built from an older environment."""
    for function in described:
        sys.modules.pop(function.handler.rpartition(".")[0], None)


def _imported(function: Function, of_others: Set[str]) -> Handler:
    """The handler of `function`, imported and warmed up with the function's environment: what the template gives other functions and not
    this one (`of_others`) is not there, as it will not be in AWS. Raises BadSettings and the like."""
    module_name, _, attribute = function.handler.rpartition(".")
    with _environment(function.environment.items(), of_others):
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as problem:
            raise BadTemplate(f"{function.name}: Handler {function.handler}: {problem}") from None
        handler = getattr(module, attribute, None)
        if not callable(handler):
            raise BadTemplate(f"{function.name}: Handler {function.handler} is not callable")
        if warm := getattr(module, "warm", None):
            warm()
    return handler  # type: ignore[no-any-return]  # getattr of a module found by name


@contextmanager
def _environment(items: Any, hidden: Set[str]) -> Iterator[None]:
    """The process environment with the template's values where the process has none of its own, and without what is `hidden`."""
    added = [name for name, _ in items if name not in os.environ]
    taken = {name: os.environ.pop(name) for name in hidden if name in os.environ}
    os.environ.update({name: value for name, value in items if name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
        os.environ.update(taken)
