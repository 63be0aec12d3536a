"""The function that keeps detail records, with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from functions.cdr import app, clerk, polling, reporter
from functions.cdr.messages import Ask
from pokea.billing.cdr_news import CdrNews
from tests.faults.broken.batches import whole_batches_refused

Breaks = Callable[[], AbstractContextManager[None]]


def refuses_whole_batches() -> AbstractContextManager[None]:
    return whole_batches_refused(app)


@contextmanager
def forgets_what_was_told() -> Iterator[None]:
    """Tells of every settled record at each look."""

    def nothing_new(news: CdrNews, *_: object) -> CdrNews:
        return news

    with mock.patch.object(reporter, "after_telling", nothing_new):
        yield


@contextmanager
def keeps_no_word() -> Iterator[None]:
    """Looks at the call when the bridge speaks, and forgets what it said."""

    def forgets(self: clerk.Clerk, look: clerk.Look, ask: Ask) -> None:
        return

    with mock.patch.object(clerk.Clerk, "_keep_word", forgets):
        yield


@contextmanager
def asks_once() -> Iterator[None]:
    """Does not come back to a call whose record is not final."""
    with mock.patch.object(clerk, "next_look", lambda attempt, cdrs: None):
        yield


@contextmanager
def gives_up_where_the_carrier_fails() -> Iterator[None]:
    """Lets a message fail because the carrier does not answer, though others have spoken."""
    ask = polling.Pollster.ask

    def asked(self: polling.Pollster, *rest: Any) -> Any:
        said = ask(self, *rest)
        if not rest[-1].may_ask:
            raise RuntimeError("the carrier did not answer")
        return said

    with mock.patch.object(polling.Pollster, "ask", asked):
        yield
