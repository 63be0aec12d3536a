"""The booking agent's scenarios: what the caller says to what, and how the diary must look afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

from local.audio.analysis import longest_pause_ms
from local.caller import Aside, Interruption, Rule, cough
from local.demo import handoff
from local.demo.businesses import FIRST_CALLER
from local.demo.diary import booked
from local.demo.scenario import (
    Area,
    Played,
    Plot,
    Problems,
    Scenario,
    Scene,
    expect,
    manners,
    manners_in_swahili,
    one_commit,
    opening,
)
from local.demo.wishes import Wish, drawn_wish, fixed_wish
from pokea.booking import Appointment, AppointmentStatus, Taker, slot_keys, with_taker
from pokea.ids import AppointmentId, IntentKey, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change

DRAWN_SERVICES = {"cleaning": "cleaning", "filling": "filling", "check up": "checkup", "whitening": "whitening"}


def book_rules(wish: Wish) -> list[Rule]:
    return [
        opening(f"I would like to book a {wish.service} {wish.when}"),
        Rule(r"shall i|is that (right|correct)", "yes please"),
        Rule(
            r"do you mean .* or ", "the second one"
        ),  # early in the week "next Thursday" may be this week's or the next
        Rule(r"what (day|time)|when would", wish.when),
        Rule(r"which service|what (service|would you like to book)", f"a {wish.service}"),
        *manners(wish.name),
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


def move_rules(wish: Wish) -> list[Rule]:
    return [
        opening(f"I want to move my appointment to {wish.move_to}"),
        Rule(r"shall i|is that (right|correct)", "yes please"),
        Rule(r"do you mean", "the second one"),
        Rule(r"\bname\b", f"my name is {wish.name}"),
        Rule(r"(which|what) (one|time)|free|available|i have|would .* suit", "the first one"),
        *manners(wish.name),
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
        *manners(wish.name),
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


def somebody_was_first(scene: Scene) -> None:
    """Put an earlier caller's appointment where this one wants to be."""
    rules, wish = scene.profile.booking, scene.wish
    service = rules.services[wish.service_key]
    now, start = datetime.now(UTC), wish.starts_at.replace(tzinfo=rules.tz).astimezone(UTC)
    end = start + service.length
    earlier = Appointment(
        appointment_id=AppointmentId("earlier"),
        business_id=rules.business_id,
        service=service.key,
        resource=rules.resource,
        starts_at=start,
        ends_at=end,
        name="an earlier caller",
        a_number=E164(f"+{FIRST_CALLER - 1}"),
        status=AppointmentStatus.BOOKED,
        session_id=SessionId("HD_000000000000"),
        intent_key=IntentKey("earlier"),
    )
    taken = tuple(
        with_taker(slot, earlier.appointment_id, Taker(), now)
        for slot in scene.store.slots(slot_keys(rules, start, end))
    )
    scene.store.apply(Change(slots=taken, appointment=earlier))


SERVICES_IN_SWAHILI = {
    "cleaning": "kusafisha meno",
    "filling": "kuziba jino",
    "checkup": "uchunguzi wa meno",
    "whitening": "kung'arisha meno",
}
HOURS_IN_SWAHILI = {
    9: "tatu asubuhi",
    10: "nne asubuhi",
    11: "tano asubuhi",
    13: "saba mchana",
    14: "nane mchana",
    15: "tisa mchana",
}
DAYS_IN_SWAHILI = ("jumatatu", "jumanne", "jumatano", "alhamisi", "ijumaa")
NAMES_IN_SWAHILI = ("Amina Hassan", "Daniel Otieno", "Lucy Wambui", "Joseph Maina")


def in_swahili(start: datetime) -> str:
    """Half an hour stands between the hour and the part of the day."""
    hour, part = HOURS_IN_SWAHILI[start.hour].split()
    half = " na nusu" if start.minute else ""
    return f"{DAYS_IN_SWAHILI[start.weekday()]} ijayo saa {hour}{half} {part}"


def book_rules_in_swahili(wish: Wish) -> list[Rule]:
    service, when = SERVICES_IN_SWAHILI[wish.service_key], in_swahili(wish.starts_at)
    return [
        opening(f"nataka kuweka miadi ya {service} {when}"),
        Rule(r"niiweke|ni sahihi", "ndio tafadhali"),
        Rule(r"unamaanisha", "ya pili"),
        Rule(r"siku gani|saa ngapi|lini", when),
        *manners_in_swahili(wish.name),
    ]


def dial_rules(wish: Wish) -> list[Rule]:
    return [opening("connect me to a person"), *handoff.joined_rules()]


def never_tried_rules(wish: Wish) -> list[Rule]:
    return [
        opening("connect me to a person"),
        Rule(r"shall i take a message", "no thank you"),
        *manners(wish.name),
    ]


BOOK = Scenario("book", "booked", book_rules, judge_book)
MOVE = Scenario("move", "moved", move_rules, judge_move)
CANCEL = Scenario("cancel", "cancelled", cancel_rules, judge_cancel)
TAKEN = Scenario("taken", "booked another time", taken_rules, judge_taken, before=somebody_was_first)
INTERRUPT = Scenario("interrupt", "booked the time said over the agent", book_rules, judge_interrupt, interruptions)
BACKCHANNEL = Scenario(
    "backchannel", "booked, and went on speaking", book_rules, judge_aside(FLUENT_PAUSE_MS), asides=(MURMUR,)
)
COUGHING = Scenario("cough", "booked, and spoke on", book_rules, judge_aside(RESUMED_WITHIN_MS), asides=(COUGH,))
SILENT = Scenario("silent", "asked twice, then goodbye", lambda _: [], judge_silent, is_silent=True)

SWAHILI = Scenario("swahili", "booked, in Swahili", book_rules_in_swahili, judge_book)
DIALLED = Scenario(
    "handoff-dial",
    "the carrier put the caller through",
    dial_rules,
    handoff.judge_dialled,
    human=handoff.PICKS_UP,
    dialled_legs=1,
)
NEVER_DIALLED = Scenario(
    "handoff-dial",
    "this carrier would drop the call: stayed, and offered a message",
    never_tried_rules,
    handoff.judge_not_joined("refused", rang=False),
    human=handoff.NEVER_ANSWERS,
)


def fixed(today: date, number: str) -> Wish:
    return fixed_wish(today)


def drawn(today: date, number: str, rng: random.Random) -> Wish:
    return drawn_wish(today, rng, DRAWN_SERVICES)


ROUND = Plot((BOOK, MOVE, CANCEL))
AREA = Area(
    "booking",
    (
        ROUND,
        Plot((TAKEN,), once=True),
        Plot((INTERRUPT,)),
        Plot((SILENT,), once=True),
        Plot((BACKCHANNEL,)),
        Plot((COUGHING,), once=True),
        Plot((SWAHILI,), language="sw", once=True),
        Plot((DIALLED,), mode="dial", only_on=("documented",), continues=True),
        Plot((NEVER_DIALLED,), mode="dial", only_on=("observed",)),
    ),
    (replace(ROUND, once=True), Plot((TAKEN,), once=True), Plot((INTERRUPT,), once=True)),
    fixed,
    drawn,
)
