"""`python -m bridge`: the media bridge. Exits with 2 and one line on stderr when the settings cannot be run."""

from __future__ import annotations

import os

# Before numpy is loaded: a filter of a few hundred products gains nothing from threads, and calls share the core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import logging
import math
import signal
import socket
import sys
from collections.abc import Callable, Iterable

import uvloop

from bridge.settings import BridgeSettings, read_settings
from bridge.shell.crew import Crew, Place
from bridge.shell.log_lines import keep_log
from bridge.shell.worker import serve
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings
from pokea.errors import CallError

_RESTARTS_AT_MOST = 20
_STOPS = (signal.SIGTERM, signal.SIGINT)
log = logging.getLogger("bridge")


def main() -> int:
    keep_log(sys.stderr)
    logging.getLogger("aiofastnet").setLevel(logging.ERROR)  # one line per frame written to a peer that has just left
    try:
        settings = read_settings(os.environ)
        _claim(settings.host, settings.port)
        if settings.worker_count == 1:
            return _work(settings, None)
        crew = Crew(settings.worker_count)
        return _supervise(settings.worker_count, lambda index: _work(settings, crew.place(index)), crew.leave)
    except BadSettings as problem:
        print(f"bridge: {problem.message}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"bridge: cannot listen on {settings.host}:{settings.port}: {problem.strerror}", file=sys.stderr)
        return 1


def _claim(host: str, port: int) -> None:
    """Raises OSError if somebody listens there: the workers share the port among themselves, and would share it with a stranger."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _work(settings: BridgeSettings, place: Place | None) -> int:
    secrets = Secrets(os.environ, secret_id=settings.secrets_id, cache_s=math.inf)  # its event loop waits for no fetch

    def ready(port: int) -> None:
        sys.stderr.write(f"bridge: listening on {settings.host}:{port}\n")  # at once: workers' lines must not mix
        sys.stderr.flush()

    try:
        uvloop.run(serve(settings, secrets, ready, place))
    except BadSettings as problem:
        print(f"bridge: {problem.message}", file=sys.stderr)
        return 2
    except (OSError, CallError) as problem:
        print(f"bridge: cannot serve on {settings.host}:{settings.port}: {problem}", file=sys.stderr)
        return 1
    return 0


def _supervise(count: int, work: Callable[[int], int], left: Callable[[int], None]) -> int:
    """Keep `count` workers on one port; a worker that dies is replaced, and the others keep their calls. `left` hears of each end."""
    workers: dict[int, int] = {}  # its number in the crew, by process
    stopping = False

    def stop(number: int, _: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in tuple(workers):
            os.kill(worker, number)

    def begin(index: int) -> None:
        """A signal that comes meanwhile waits until the worker is known, or nobody would tell it."""
        allowed = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            workers[_fork(work, index, allowed)] = index
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, allowed)

    for number in _STOPS:
        signal.signal(number, stop)
    worst, restarts = 0, 0
    for index in range(count):
        if not stopping:
            begin(index)
    while workers:
        worker, status = os.wait()
        index = workers.pop(worker)
        left(index)
        code = os.waitstatus_to_exitcode(status)
        if stopping and -code in _STOPS:
            continue  # it was told before it listened: nobody was on its line
        if code in (0, 2) or stopping or restarts >= _RESTARTS_AT_MOST:
            worst = max(worst, abs(code))
            continue
        restarts += 1
        log.error("worker %d ended with %d and is replaced", worker, code)
        begin(index)
    return worst


def _fork(work: Callable[[int], int], index: int, allowed: Iterable[int]) -> int:
    """`allowed`: the signals that are held back for a worker once it has begun."""
    child = os.fork()
    if child:
        return child
    for number in _STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, allowed)
    code = 1
    try:
        code = work(index)
    except Exception:  # the process's door: never fall into the parent's loop
        log.exception("worker failed")
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
