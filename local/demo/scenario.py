"""What a scenario is: what its people say to what, how the store must look afterwards, and on what ground it is played."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from local.audio.analysis import Recording, Samples
from local.caller import AGAIN, Aside, Interruption, Rule, Spoken
from local.demo.campaigns import Campaigned
from local.demo.diary import Entry
from pokea.ports import Store
from pokea.profile import Profile
from pokea.records import Stored

Problems = list[str]
Row = dict[str, str]  # of the store, as the report shows it


@dataclass(frozen=True)
class Human:
    """Who is rung for a hand-off. `rules` answer the brief; without any, nobody picks up. greeting: said on picking up."""

    rules: tuple[Rule, ...] = ()
    ring_s: float = 1.0
    greeting: str = ""


@dataclass(frozen=True)
class HumanLeg:
    """What became of the human's telephone. `sound`: left the human, right what they were played; None for a leg that the carrier dialled.

    heard: when somebody spoke to them.
    """

    sound: Recording | None
    heard: Sequence[tuple[int, int | None]]
    lines: Sequence[Spoken]
    notes: Sequence[Mapping[str, Any]]  # the bridge's record of that leg


@dataclass(frozen=True)
class OnTape:
    """What an answering machine has recorded, from `from_ms` of the call on, at the recording's rate."""

    from_ms: int
    sound: Samples


@dataclass(frozen=True)
class Played:
    """What is known after a call, for a scenario to judge. fixed: the lines that it asked for, as the agent's voice says them, at the
    recording's rate."""

    engine: str
    wish: Any
    entries: list[Entry]  # the caller's own appointments
    tools: list[tuple[str, str]]  # (tool, status) in order
    agent_said: list[str]
    caller_said: list[str]  # as the model understood it
    was_interrupted: bool
    ended_because: str
    sound: Recording
    lines: list[Spoken]  # the caller's, as they were spoken
    notes: Sequence[Mapping[str, Any]]  # the call record
    stored: list[Row] = field(default_factory=list)  # what the store holds of the caller's business
    human: HumanLeg | None = None
    fixed: Mapping[str, Samples] = field(default_factory=dict)
    tape: OnTape | None = None

    @property
    def duration_s(self) -> float:
        return self.sound.duration_ms / 1000

    def rows(self, kind: str, **wanted: str) -> list[Row]:
        """Rows of a kind with these values."""
        return [
            row
            for row in self.stored
            if row["kind"] == kind and all(row.get(key) == value for key, value in wanted.items())
        ]


@dataclass(frozen=True)
class Scene:
    """Where a scenario is about to be played, for what must be so beforehand."""

    store: Store
    profile: Profile
    wish: Any
    number: str


@dataclass(frozen=True)
class Request:
    """One request of a business's own system to our API. scope: of its key."""

    method: str
    path: str
    body: dict[str, Any]
    scope: str = "calls:write"


@dataclass(frozen=True)
class Scenario:
    name: str
    outcome: str
    rules: Callable[[Any], list[Rule]]
    judge: Callable[[Played], Problems]
    interruptions: Callable[[Any], list[Interruption]] = lambda _: []
    asides: tuple[Aside, ...] = ()
    is_silent: bool = False
    before: Callable[[Scene], None] = lambda _: None
    death: str = ""  # the state in which the call loses its engine
    human: Human | None = None
    calls_from: Callable[[Any], str] | None = None  # another number than the caller's own
    request: Callable[[Any], Request] | None = None  # what has us place the call
    campaign: Callable[[Any], Campaigned] | None = None  # what has us place it instead
    mailbox: str = ""  # what an answering machine says that picks up; "": a person does
    fixed: Callable[[Profile], Mapping[str, str]] = lambda _: {}  # lines to be judged by their sound
    dialled_legs: int = 0  # second legs that the carrier itself must have dialled

    @property
    def is_placed(self) -> bool:
        """By us, so that somebody picks up."""
        return self.request is not None or self.campaign is not None


@dataclass(frozen=True)
class Plot:
    """Scenarios that share a caller and a store, one after another, and the copy of the business that they need.

    once: one carrier is enough where all agents are played; the other behaviour shows nothing new. people: whether those of the
    directory are at work. mode: how hand-offs are made. only_on: the carriers it is for, both if empty.
    """

    scenarios: tuple[Scenario, ...]
    language: str = ""
    people: Literal["as_written", "at_work", "away"] = "at_work"
    mode: Literal["attended", "dial"] = "attended"
    continues: bool = False  # the business knows that its carrier goes on after a stream
    only_on: tuple[str, ...] = ()
    once: bool = False


def nothing_seeded(profile: Profile, wish: Any, now: datetime) -> tuple[Stored[Any], ...]:
    return ()


def nothing_stored(store: Store, profile: Profile, wish: Any, session_id: str) -> list[Row]:
    return []


@dataclass(frozen=True)
class Area:
    """One agent's part of the demo. A wish is what a caller wants, in plain values; `fixed` is the documented one."""

    agent: str
    plots: tuple[Plot, ...]
    drawn_plots: tuple[Plot, ...]  # those that are also played with names, dates and numbers from the seed
    fixed: Callable[[date, str], Any]  # (today, the caller's number)
    drawn: Callable[[date, str, random.Random], Any]
    records: Callable[[Profile, Any, datetime], tuple[Stored[Any], ...]] = nothing_seeded
    stored: Callable[[Store, Profile, Any, str], list[Row]] = nothing_stored


def expect(condition: bool, problem: str) -> Problems:
    return [] if condition else [problem]


def opening(text: str) -> Rule:
    return Rule(r"how can i help|can i help|may i help|nikusaidie", text, times=1)


def patience() -> list[Rule]:
    """What was not understood is said again; who is asked to wait waits."""
    return [
        Rule(r"did not (catch|understand|hear|get)|say (it|that) again", AGAIN),
        Rule(r"stay on the line|one moment|still trying|trying to reach", "", times=30),
    ]


def manners(name: str = "") -> list[Rule]:
    """What every caller answers, whatever the call is about. The agent's own words decide; later rules are more general."""
    known = [Rule(r"\bname\b", f"my name is {name}")] if name else []
    return [
        Rule(r"anything else|help you with", "no that is all thank you goodbye"),
        *known,
        *patience(),
    ]


def manners_in_swahili(name: str = "") -> list[Rule]:
    known = [Rule(r"\bjina\b", f"jina langu ni {name}", language="sw")] if name else []
    return [
        Rule(r"kuna (lingine|kingine|jingine)", "hapana ni hayo tu asante", language="sw"),
        *known,
        Rule(r"sikusikia|sikuelewa|rudia|sema tena", AGAIN),
        Rule(r"kaa kwenye simu|subiri", "", times=30),
    ]


def statuses(played: Played, tool: str) -> list[str]:
    return [status for name, status in played.tools if name == tool]


def one_commit(played: Played, status: str) -> Problems:
    """Exactly one commit, after a proposal and a spoken yes."""
    committed = [found for found in statuses(played, "commitProposal") if found == status]
    return expect(len(committed) == 1, f"{len(committed)} commits with status {status} instead of 1")


def ended_well(played: Played) -> Problems:
    return expect(played.ended_because == "goodbye", f"ended because of {played.ended_because!r}")
