from __future__ import annotations

import threading
import time

import pytest

from pokea.adapters.deadline import Deadline
from pokea.errors import Conflict, Unavailable


def test_work_in_time_is_returned_and_its_errors_are_raised() -> None:
    deadline = Deadline(5)
    assert deadline.run(lambda: 7) == 7

    def refused() -> None:
        raise Conflict("stale")

    with pytest.raises(Conflict):
        deadline.run(refused)


def test_work_that_takes_too_long_is_not_waited_for() -> None:
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"0\.05 s"):
        Deadline(0.05).run(release.wait)
    assert time.monotonic() - started < 10
    release.set()


def test_a_timeout_of_the_work_itself_is_its_own() -> None:
    def slow() -> None:
        raise TimeoutError("theirs")

    with pytest.raises(TimeoutError, match="theirs"):
        Deadline(5).run(slow)


def test_when_every_thread_hangs_new_work_is_refused_in_time() -> None:
    release = threading.Event()
    deadline = Deadline(0.05, threads=1)
    for _ in range(3):
        with pytest.raises(Unavailable):
            deadline.run(release.wait)
    release.set()
