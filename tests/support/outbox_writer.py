"""A process that forks writers of an event log and lets each be killed in the middle of a write: `python -m tests.support.outbox_writer`.

It reads a line of JSON per writer, {"folder": …, "kill_at": bytes}, and answers with how many events were safe when it died. A writer's
disk takes one byte at a time, and the writer kills itself with SIGKILL when it has taken `kill_at` of them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from bridge.core.outbox import Plan
from bridge.shell.outbox import Answer, Outbox
from bridge.shell.outbox_spool import Disk, Spool
from tests.support.outboxes import BUSINESS, HUNG_UP

CALLS = 3


class DeadlyDisk(Disk):
    def __init__(self, kill_at: int) -> None:
        self.left = kill_at

    def write(self, file: int, data: memoryview) -> int:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".log":
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
        return super().write(file, data[:1])

    def sync(self, file: int) -> None:
        pass  # a process that is killed takes no machine with it


def write(folder: Path, kill_at: int, safe: int) -> None:
    """Says on the descriptor `safe`, with a byte for each, which events were safe."""
    outbox = Outbox(
        Spool(folder, f"bridge-{os.getpid()}", DeadlyDisk(kill_at)),
        lambda bodies: Answer(frozenset()),
        "bridge-1",
        plan=Plan(10**9),
    )
    outbox.open()
    for number in range(CALLS):
        log = outbox.of_call(f"HD_{number}", BUSINESS)
        assert log is not None
        for say in (log.opened, lambda log=log: log.closed(HUNG_UP, 1_000, "")):
            say()
            outbox.take_in(0)
            outbox.write_once()
            os.write(safe, b".")


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        heard, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(heard)
            write(Path(order["folder"]), order["kill_at"], said)
            os._exit(0)
        os.close(said)
        with os.fdopen(heard, "rb") as pipe:
            safe = len(pipe.read())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"safe": safe, "code": code}), flush=True)


if __name__ == "__main__":
    main()
