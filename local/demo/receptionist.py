"""The receptionist's scenarios: a question with an answer, one without, and the front desk."""

from __future__ import annotations

from typing import Any

from local.caller import Rule
from local.demo import handoff
from local.demo.messages import message_rows, message_rules, messages_problems
from local.demo.scenario import (
    Area,
    Played,
    Plot,
    Problems,
    Row,
    Scenario,
    ended_well,
    expect,
    manners,
    manners_in_swahili,
    one_commit,
    opening,
    statuses,
)
from local.demo.seed import receptionist as seeds
from local.demo.seed.receptionist import Seed
from pokea.ports import Store
from pokea.profile import Profile


def question_rules(seed: Seed) -> list[Rule]:
    return [
        opening(seed.question),
        Rule(r"anything else", "are you open on Sunday", times=1),
        *manners(seed.name),
    ]


def judge_question(played: Played) -> Problems:
    said = " ".join(played.agent_said).lower()
    return [
        *expect(played.wish.answer.lower() in said, f"the answer does not hold {played.wish.answer!r}"),
        *expect("closed" in said, "nothing was said about Sunday"),
        *expect(statuses(played, "answerQuestion") == ["ok"], "the question was not answered by the tool"),
        *ended_well(played),
    ]


def unknown_rules(seed: Seed) -> list[Rule]:
    return [
        opening(seed.foreign),
        Rule(r"shall i connect", "no thank you"),
        Rule(r"anything else", "i would like to leave a message", times=1),
        *message_rules(seed),
    ]


def judge_unknown(played: Played) -> Problems:
    return [
        *expect("none" in statuses(played, "answerQuestion"), "something was answered that nobody knows"),
        *expect(not statuses(played, "handOver"), "the caller was put through after a no"),
        *one_commit(played, "message_taken"),
        *messages_problems(played, played.wish.message, played.wish.name),
        *ended_well(played),
    ]


def swahili_rules(seed: Seed) -> list[Rule]:
    """Who is greeted in English and would rather speak Swahili."""
    return [
        opening("do you speak swahili"),
        Rule(r"nikusaidie vipi", "naweza kulipa kwa kadi", times=1, language="sw"),
        *manners_in_swahili(),
        *manners(),
    ]


def judge_swahili(played: Played) -> Problems:
    return [
        *expect(statuses(played, "speakLanguage") == ["ok"], "the language was not changed"),
        *expect(any("kwa kadi" in said for said in played.agent_said), "the question was not answered in Swahili"),
        *expect(any("Kwaheri" in said for said in played.agent_said), "the goodbye was not said in Swahili"),
        *ended_well(played),
    ]


def handoff_rules(seed: Seed) -> list[Rule]:
    return [opening("please connect me to the front desk"), *handoff.joined_rules()]


def closed_rules(seed: Seed) -> list[Rule]:
    return [
        opening("please connect me to the front desk"),
        Rule(r"shall i take a message", "yes please", times=1),
        *message_rules(seed),
    ]


def judge_closed(played: Played) -> Problems:
    return [
        *handoff.judge_not_joined("closed", rang=False)(played),
        *one_commit(played, "message_taken"),
        *messages_problems(played, played.wish.message, played.wish.name),
    ]


def stored(store: Store, profile: Profile, wish: Any, session_id: str) -> list[Row]:
    return message_rows(store, profile, session_id)


QUESTION = Scenario("question", "answered from the business's own words", question_rules, judge_question)
UNKNOWN = Scenario("unknown", "did not guess, took a message", unknown_rules, judge_unknown)
SWAHILI = Scenario("swahili", "went on in the caller's language", swahili_rules, judge_swahili)
HANDOFF = Scenario("handoff", "put through to a person", handoff_rules, handoff.judge_joined, human=handoff.ACCEPTS)
CLOSED = Scenario(
    "handoff-closed", "nobody there, took a message", closed_rules, judge_closed, human=handoff.NEVER_ANSWERS
)

AREA = Area(
    "receptionist",
    (
        Plot((QUESTION, UNKNOWN)),
        Plot((HANDOFF,)),
        Plot((CLOSED,), people="away", once=True),
        Plot((SWAHILI,), once=True),
    ),
    (Plot((QUESTION,), once=True),),
    seeds.fixed,
    seeds.drawn,
    seeds.records,
    stored,
)
