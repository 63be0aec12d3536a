"""Processes under measurement: on cores of their own, real-time where that is permitted, and counted with their children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PRIORITY = 5
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_START_WITHIN_S = 30.0
_STOP_WITHIN_S = 3.0


class NotStarted(Exception):
    """The process did not come up; the text is the end of what it said."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def may_be_real_time() -> bool:
    """Whether this user may ask for real-time priority. Without it every process of the machine is in the latencies."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def start(
    command: Sequence[str], environ: Mapping[str, str], cores: Collection[int], *, real_time: bool, log: Path
) -> subprocess.Popen[str]:
    """A process on `cores`, in a session of its own; what it says on stderr goes to `log`."""

    def place() -> None:
        os.sched_setaffinity(0, cores)
        if real_time:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))

    with log.open("w") as sink:
        return subprocess.Popen(
            command,
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,
            preexec_fn=place,
        )


def wait_until_listening(process: subprocess.Popen[str], port: int, log: Path) -> None:
    """Raises NotStarted."""
    give_up = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotStarted(log.read_text(encoding="utf-8", errors="replace")[-500:].strip() or "it never listened")


def stop(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_WITHIN_S)
    if process.stdout is not None:
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far. `workers_s`: CPU seconds of each process, by id."""

    cpu_s: float
    resident_bytes: int
    workers_s: Mapping[int, float]


def usage(pid: int) -> Usage:
    workers: dict[int, float] = {}
    resident = 0
    for member in _family(pid):
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            workers[member] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
            resident += int(fields[21]) * _PAGE_BYTES
    return Usage(sum(workers.values()), resident, workers)


def _family(pid: int) -> list[int]:
    found, to_ask = [], [pid]
    while to_ask:
        member = to_ask.pop()
        found.append(member)
        with suppress(OSError):
            for task in Path(f"/proc/{member}/task").iterdir():
                to_ask += [int(child) for child in (task / "children").read_text().split()]
    return found


def stolen_s() -> float:
    """CPU seconds that the hypervisor gave to somebody else, all cores together."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / _TICKS_PER_S
