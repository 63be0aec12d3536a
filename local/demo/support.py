"""The support agent's scenarios: who is calling is proved before anything is told or done."""

from __future__ import annotations

from typing import Any

from local.caller import Rule
from local.demo import handoff
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
    one_commit,
    opening,
    statuses,
)
from local.demo.seed import support as seeds
from local.demo.seed.support import Seed
from local.engine.answers import DIGITS
from pokea.accounts import TICKET
from pokea.call_memory import MEMORY
from pokea.ports import Store
from pokea.profile import Profile

SLOW = "my internet is slow"


def in_words(digits: str) -> str:
    return " ".join(DIGITS["en"][int(digit)] for digit in digits)


def proofs(reference: str, pin: str) -> list[Rule]:
    """The account's number by voice, the code by keys."""
    return [
        Rule(r"account number", f"it is {in_words(reference)}", times=6),
        Rule(r"key in your pin", "", times=6, keys=pin),
    ]


def balance_rules(seed: Seed) -> list[Rule]:
    return [opening("what is my balance"), *proofs(seed.reference, seed.pin), *manners(seed.name)]


def judge_balance(played: Played) -> Problems:
    told = [row for row in played.rows("memory") if row["account"] == played.wish.reference]
    return [
        *expect("verified" in statuses(played, "verifyCaller"), "the caller was not verified"),
        *expect(statuses(played, "accountStatus")[-1:] == ["ok"], "the balance was not looked up"),
        *expect(bool(told), "the store does not say whose account was opened"),
        *expect(any("shillings" in said for said in played.agent_said), "no balance was told"),
        *no_pin_was_kept(played, played.wish.pin),
        *ended_well(played),
    ]


def no_pin_was_kept(played: Played, pin: str) -> Problems:
    """What was keyed in stands nowhere in the record of the call."""
    return expect(pin not in str(list(played.notes)), "the record of the call holds the code")


def refused_rules(seed: Seed) -> list[Rule]:
    """Somebody who knows another one's account number and guesses the code."""
    guess = seed.other_pin[::-1] if seed.other_pin[::-1] != seed.other_pin else f"{int(seed.other_pin) ^ 1:04d}"
    return [
        opening("what is my balance"),
        Rule(r"shall i connect", "no thank you"),
        *proofs(seed.other_reference, guess),
        *manners(seed.name),
    ]


def judge_refused(played: Played) -> Problems:
    return [
        *expect("verified" not in statuses(played, "verifyCaller"), "a guessed code opened an account"),
        *expect("ok" not in statuses(played, "accountStatus"), "a balance was told"),
        *expect("refused" in statuses(played, "verifyCaller"), "the guessing was not stopped"),
        *expect(not any(row["account"] for row in played.rows("memory")), "the store holds an opened account"),
        *ended_well(played),
    ]


def ticket_rules(seed: Seed) -> list[Rule]:
    return [
        opening(SLOW),
        Rule(r"is it faster now|did that help", "no it is still slow"),
        Rule(r"shall i (open|do that)", "yes please"),
        *proofs(seed.reference, seed.pin),
        *manners(seed.name),
    ]


def judge_ticket(played: Played) -> Problems:
    opened = [row for row in played.rows("ticket") if row["ticket"] != played.wish.ticket]
    return [
        *expect(statuses(played, "fixStep") == ["ask", "ask"], f"the steps went {statuses(played, 'fixStep')}"),
        *one_commit(played, "ticket_opened"),
        *expect(len(opened) == 1, f"{len(opened)} new tickets instead of 1"),
        *expect(all(SLOW in row["problem"].lower() for row in opened), f"the ticket says {opened}"),
        *ended_well(played),
    ]


def declined_rules(seed: Seed) -> list[Rule]:
    return [
        opening("connect me to a person"),
        Rule(r"shall i take a message", "no thank you"),
        *manners(seed.name),
    ]


def stored(store: Store, profile: Profile, wish: Any, session_id: str) -> list[Row]:
    tickets = store.records_by(TICKET, profile.business_id, wish.reference)
    memory = store.record(MEMORY, profile.business_id, session_id)
    return [
        *(
            {"kind": "ticket", "ticket": one.ticket_id, "problem": one.problem, "status": one.status.value}
            for one in tickets
        ),
        *([{"kind": "memory", "account": memory.account}] if memory else []),
    ]


BALANCE = Scenario("balance", "verified by number and code, told the balance", balance_rules, judge_balance)
REFUSED = Scenario("refused", "a guessed code opened nothing", refused_rules, judge_refused)
FIX = Scenario("ticket", "the steps did not help: ticket opened", ticket_rules, judge_ticket)
DECLINED = Scenario(
    "handoff-declined",
    "the person said no: the agent came back",
    declined_rules,
    handoff.judge_not_joined("declined"),
    human=handoff.DECLINES,
)
HANDOFF = Scenario(
    "handoff",
    "put through to a technician",
    lambda seed: [opening("please connect me to a technician"), *handoff.joined_rules()],
    handoff.judge_joined,
    human=handoff.ACCEPTS,
)

AREA = Area(
    "support",
    (Plot((BALANCE,)), Plot((FIX,)), Plot((REFUSED,), once=True), Plot((DECLINED,)), Plot((HANDOFF,), once=True)),
    (Plot((BALANCE,), once=True),),
    seeds.fixed,
    seeds.drawn,
    seeds.records,
    stored,
)
