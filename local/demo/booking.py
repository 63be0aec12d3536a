"""The booking agent's scenarios: what the caller says to what, and how the diary must look afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.audio.analysis import Recording, longest_pause_ms
from local.caller import AGAIN, Aside, Interruption, Rule, Spoken, cough
from local.demo.diary import Entry, booked
from local.demo.wishes import Wish

Problems = list[str]


@dataclass(frozen=True)
class Played:
    """What is known after a call, for a scenario to judge."""

    engine: str
    wish: Wish
    entries: list[Entry]  # the caller's own appointments
    tools: list[tuple[str, str]]  # (tool, status) in order
    agent_said: list[str]
    caller_said: list[str]  # as the model understood it
    was_interrupted: bool
    ended_because: str
    sound: Recording
    lines: list[Spoken]  # the caller's, as they were spoken
    notes: Sequence[Mapping[str, Any]]  # the call record

    @property
    def duration_s(self) -> float:
        return self.sound.duration_ms / 1000


@dataclass(frozen=True)
class Scenario:
    name: str
    outcome: str
    rules: Callable[[Wish], list[Rule]]
    judge: Callable[[Played], Problems]
    interruptions: Callable[[Wish], list[Interruption]] = lambda _: []
    asides: tuple[Aside, ...] = ()
    is_silent: bool = False
    slot_is_taken: bool = False  # the wanted time is booked by somebody else beforehand
    death: str = ""  # the state in which the call loses its engine


def expect(condition: bool, problem: str) -> Problems:
    return [] if condition else [problem]


def small_talk(wish: Wish) -> list[Rule]:
    """What every caller answers, whatever the call is about. The agent's own words decide; later rules are more general."""
    return [
        Rule(r"anything else|help you with", "no that is all thank you goodbye"),
        Rule(r"\bname\b", f"my name is {wish.name}"),
        Rule(r"did not (catch|understand|hear)|say (it|that) again", AGAIN),
    ]


def opening(text: str) -> Rule:
    return Rule(r"how can i help|can i help|may i help", text, times=1)


def book_rules(wish: Wish) -> list[Rule]:
    return [
        opening(f"I would like to book a {wish.service} {wish.when}"),
        Rule(r"shall i|is that (right|correct)", "yes please"),
        Rule(
            r"do you mean .* or ", "the second one"
        ),  # early in the week "next Thursday" may be this week's or the next
        Rule(r"what (day|time)|when would", wish.when),
        Rule(r"which service|what (service|would you like to book)", f"a {wish.service}"),
        *small_talk(wish),
    ]


def judge_book(played: Played) -> Problems:
    wish, diary = played.wish, booked(played.entries)
    return [
        *expect(len(diary) == 1, f"{len(diary)} appointments instead of 1"),
        *expect(
            any(entry.starts_at == wish.starts_at and entry.service == wish.service_key for entry in diary),
            f"no {wish.service_key} at {wish.starts_at}",
        ),
        *expect(any(entry.name.lower() == wish.name.lower() for entry in diary), "not under the caller's name"),
        *one_commit(played, "booked"),
    ]


def one_commit(played: Played, status: str) -> Problems:
    """Exactly one commit, after a proposal and a spoken yes."""
    committed = [found for tool, found in played.tools if tool == "commitProposal" and found == status]
    return expect(len(committed) == 1, f"{len(committed)} commits with status {status} instead of 1")


def move_rules(wish: Wish) -> list[Rule]:
    return [
        opening(f"I want to move my appointment to {wish.move_to}"),
        Rule(r"shall i|is that (right|correct)", "yes please"),
        Rule(r"do you mean", "the second one"),
        Rule(r"\bname\b", f"my name is {wish.name}"),
        Rule(r"(which|what) (one|time)|free|available|i have|would .* suit", "the first one"),
        *small_talk(wish),
    ]


def judge_move(played: Played) -> Problems:
    diary = booked(played.entries)
    offered = [
        status
        for tool, status in played.tools
        if tool in ("findTimes", "proposeMove") and status in ("taken", "ok", "ask")
    ]
    return [
        *expect(len(diary) == 1, f"{len(diary)} appointments instead of 1"),
        *expect(
            bool(diary) and diary[0].starts_at.strftime("%A") == played.wish.move_day and diary[0].starts_at.hour >= 12,
            f"not on a {played.wish.move_to}: {[str(entry.starts_at) for entry in diary]}",
        ),
        *expect(bool(offered), "no free times were offered"),
        *one_commit(played, "moved"),
    ]


def cancel_rules(wish: Wish) -> list[Rule]:
    return [
        opening("please cancel my appointment"),
        Rule(r"shall i|is that (right|correct)|really", "yes please"),
        *small_talk(wish),
    ]


def judge_cancel(played: Played) -> Problems:
    return [
        *expect(not booked(played.entries), "an appointment is still booked"),
        *expect(any(entry.status == "cancelled" for entry in played.entries), "nothing was cancelled"),
        *one_commit(played, "cancelled"),
    ]


def taken_rules(wish: Wish) -> list[Rule]:
    return [
        Rule(r"taken|not free|not available|already booked", "the first one"),
        *book_rules(wish),
    ]


def judge_taken(played: Played) -> Problems:
    diary = booked(played.entries)
    return [
        *expect(("proposeBooking", "taken") in played.tools, "the taken slot was not refused"),
        *expect(len(diary) == 1, f"{len(diary)} appointments instead of 1"),
        *expect(all(entry.starts_at != played.wish.starts_at for entry in diary), "the taken slot was sold twice"),
        *one_commit(played, "booked"),
    ]


INTERRUPT_AFTER_MS = 2600  # only a read-back is that long: the caller knows by then that it is the wrong time


def judge_interrupt(played: Played) -> Problems:
    diary = booked(played.entries)
    return [
        *expect(played.was_interrupted, "the agent was not interrupted"),
        *expect(
            [entry.starts_at for entry in diary] == [played.wish.other_start],
            f"booked {[str(e.starts_at) for e in diary]}",
        ),
        *one_commit(played, "booked"),
    ]


def interruptions(wish: Wish) -> list[Interruption]:
    return [Interruption(INTERRUPT_AFTER_MS, wish.other_time, turn=3)]


READ_BACK_TURN = 3  # after the greeting and the question for the name
MURMUR = Aside(1200, READ_BACK_TURN, "mm")
COUGH = Aside(1600, READ_BACK_TURN, sound=cough())
FLUENT_PAUSE_MS = 700  # a longer pause within a sentence is a stop
RESUMED_WITHIN_MS = 2_500
STOPS_BY_ITSELF = (
    "gemini",
)  # its own detector ends its speech at any sound: the bridge can only go on with what it holds


def judge_aside(longest_ms: int) -> Callable[[Played], Problems]:
    """The agent said its read-back to the end, once, with no pause above `longest_ms` after the caller's sound."""

    def judge_it(played: Played) -> Problems:
        pause_ms = RESUMED_WITHIN_MS if played.engine in STOPS_BY_ITSELF else longest_ms
        onsets = [line.start_ms for line in played.lines if line.aside]
        read_backs = [said for said in played.agent_said if "shall i" in said.lower()]
        pauses = [longest_pause_ms(played.sound, onset, onset + RESUMED_WITHIN_MS) for onset in onsets]
        return [
            *judge_book(played),
            *expect(bool(onsets), "the caller made no sound over the agent"),
            *expect(len(read_backs) == 1, f"the question of the read-back was spoken {len(read_backs)} times"),
            *(f"the agent paused for {pause} ms" for pause in pauses if pause > pause_ms),
            *expect(
                not any("catch that" in said or "understand" in said for said in played.agent_said),
                "the agent took the sound for words",
            ),
        ]

    return judge_it


def judge_silent(played: Played) -> Problems:
    return [
        *expect(not played.entries, "something was booked for a silent caller"),
        *expect(played.ended_because == "idle", f"ended because of {played.ended_because!r}"),
        *expect(
            len(played.agent_said) >= 4,
            f"heard {len(played.agent_said)} utterances: greeting, two questions and a goodbye are four",
        ),
        *expect(23 <= played.duration_s <= 45, f"lasted {played.duration_s:.0f} s"),
    ]


BOOK = Scenario("book", "booked", book_rules, judge_book)
MOVE = Scenario("move", "moved", move_rules, judge_move)
CANCEL = Scenario("cancel", "cancelled", cancel_rules, judge_cancel)
TAKEN = Scenario("taken", "booked another time", taken_rules, judge_taken, slot_is_taken=True)
INTERRUPT = Scenario("interrupt", "booked the time said over the agent", book_rules, judge_interrupt, interruptions)
BACKCHANNEL = Scenario(
    "backchannel", "booked, and went on speaking", book_rules, judge_aside(FLUENT_PAUSE_MS), asides=(MURMUR,)
)
COUGHING = Scenario("cough", "booked, and spoke on", book_rules, judge_aside(RESUMED_WITHIN_MS), asides=(COUGH,))
SILENT = Scenario("silent", "asked twice, then goodbye", lambda _: [], judge_silent, is_silent=True)

# Scenarios of one strand follow one another on the same diary; strands run side by side.
STRANDS: tuple[tuple[Scenario, ...], ...] = (
    (BOOK, MOVE, CANCEL),
    (TAKEN,),
    (INTERRUPT,),
    (SILENT,),
    (BACKCHANNEL,),
    (COUGHING,),
)
DRAWN_STRANDS: tuple[tuple[Scenario, ...], ...] = ((BOOK, MOVE, CANCEL), (TAKEN,), (INTERRUPT,))
