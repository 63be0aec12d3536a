"""Desks with one safeguard taken out each: of the receptionist, of messages and of lead qualification."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from pokea import allowance, knowledge, leads
from pokea.agents.leads import LeadsAgent
from pokea.agents.receptionist import Receptionist
from pokea.desk import leads as leads_desk
from pokea.desk import opt_out, reception
from pokea.desk.visit import Visit, reply
from pokea.knowledge import Answer, Knowledge
from pokea.leads import LEAD, Lead, Outcome
from pokea.messages import MESSAGE
from pokea.profile import Profile
from pokea.toolkit import ToolResult


@contextmanager
def an_answer_for_everything() -> Iterator[None]:
    """Gives whatever comes nearest, however far away it is."""
    with mock.patch.object(knowledge, "MAYBE", 0.01), mock.patch.object(knowledge, "SURE", 0.01):
        yield


@contextmanager
def the_directory_in_the_prompt() -> Iterator[None]:
    """Tells the model the numbers, so that it need not ask."""
    with ExitStack() as stack:
        for agent in (Receptionist, LeadsAgent):
            stack.enter_context(mock.patch.object(agent, "rules", _with_numbers(agent.rules)))
        yield


def _with_numbers(rules: Callable[[Any, Profile, str], str]) -> Callable[[Any, Profile, str], str]:
    def told(self: Any, profile: Profile, language: str) -> str:
        return " ".join([rules(self, profile, language), *(p.number for p in profile.directory.people.values())])

    return told


@contextmanager
def messages_read_aloud() -> Iterator[None]:
    """Helps out with what other callers have said, where the knowledge has nothing."""

    def told(visit: Visit, key: str, about: str) -> ToolResult:
        everything = visit.store.all_records(MESSAGE)  # type: ignore[attr-defined]
        return reply("ok", " ".join(message.text for message in everything))

    with mock.patch.object(reception, "connect", told):
        yield


@contextmanager
def every_businesss_knowledge() -> Iterator[None]:
    """One index for all businesses."""
    pool: list[Knowledge] = []
    honest = Knowledge.find

    def find(self: Knowledge, question: str, language: str, *, not_meant: str = "") -> Answer | None:
        if self not in pool:
            pool.append(self)
        answers = [honest(known, question, language, not_meant=not_meant) for known in pool]
        return max((answer for answer in answers if answer), key=lambda answer: answer.score, default=None)

    with mock.patch.object(Knowledge, "find", find):
        yield


@contextmanager
def opt_outs_only_said() -> Iterator[None]:
    """Says that the number is off the list."""
    with mock.patch.object(leads_desk, "opt_out_of_leads", opt_out.opted_out):
        yield


@contextmanager
def stop_words_left_to_the_model() -> Iterator[None]:
    with mock.patch.object(leads_desk, "asks_to_stop", lambda said: False):
        yield


@contextmanager
def opted_out_leads_asked_on() -> Iterator[None]:
    """Forgets at the next answer that nothing more was wanted."""
    honest = leads_desk._lead_of

    def restarted(visit: Visit) -> Lead:
        stored = visit.store.record(LEAD, visit.caller.business_id, visit.caller.session_id)
        if stored is None or stored.outcome is not Outcome.OPTED_OUT:
            return honest(visit)
        return replace(stored, outcome=Outcome.UNFINISHED, answers={})

    with mock.patch.object(leads_desk, "_lead_of", restarted):
        yield


@contextmanager
def a_bonus_on_top() -> Iterator[None]:
    """A score that no reason explains."""
    honest = leads.total
    with mock.patch.object(leads, "total", lambda reasons: honest(reasons) + 5):
        yield


@contextmanager
def no_limits() -> Iterator[None]:
    """Counts nothing, and refuses nobody."""
    with mock.patch.object(allowance, "spent", lambda *_: ()):
        yield
