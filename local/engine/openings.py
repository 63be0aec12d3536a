"""How callers begin: which words lead to which tool, for every tool that a caller can ask for.

A phrase may end in a slot: `{when}`, a day and time, or `{person}`, a spoken name of the directory. Which of these a session listens for
is decided by the tools that it was given, so the engine knows no business; appointments have a talk of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from local.engine.subject import Names, Subject

WHEN, PERSON = "{when}", "{person}"


@dataclass(frozen=True, slots=True)
class Opening:
    """`fill`: the argument that takes the caller's own words; `arguments`: fixed ones. The slots fill "when" and "department".

    always: understood whatever the caller was asked.
    """

    tool: str
    phrases: Mapping[str, Sequence[str]]
    fill: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    always: bool = False


OPENINGS = (
    Opening(
        "handOver",
        {
            "en": (
                "connect me to a person",
                "please connect me to a person",
                "can i speak to a person",
                "i want to speak to a person",
                "i would like to speak to a person",
                "connect me to {person}",
                "please connect me to {person}",
                "can i speak to {person}",
                "i would like to speak to {person}",
            ),
            "sw": (
                "nataka kuongea na mtu mwingine",
                "nataka kuongea na mtu",
                "niunganishe na mtu",
                "naomba kuongea na {person}",
                "niunganishe na {person}",
            ),
        },
        fill="reason",
        always=True,
    ),
    Opening(
        "optOut",
        {
            "en": ("do not call me again", "please stop calling me", "stop calling me", "take me off your list"),
            "sw": ("msinipigie tena", "usinipigie tena", "niondoe kwenye orodha yenu"),
        },
        always=True,
    ),
    Opening(
        "speakLanguage",
        {"en": ("do you speak swahili", "can we speak swahili"), "sw": ("kiswahili tafadhali",)},
        arguments={"language": "sw"},
        always=True,
    ),
    Opening(
        "speakLanguage",
        {"en": ("english please",), "sw": ("do you speak english", "english please")},
        arguments={"language": "en"},
        always=True,
    ),
    Opening(
        "proposeMessage",
        {
            "en": (
                "i would like to leave a message",
                "can i leave a message",
                "i want to leave a message",
                "please take a message",
            ),
            "sw": ("naomba kuacha ujumbe", "nataka kuacha ujumbe"),
        },
    ),
    # --- reception ----------------------------------------------------------------------------------------------------------
    Opening(
        "openingHours",
        {
            "en": (
                "what are your opening hours",
                "when are you open",
                "when do you close",
                "are you open {when}",
            ),
            "sw": ("mnafungua saa ngapi", "mnafunga saa ngapi", "mko wazi lini", "mko wazi {when}"),
        },
    ),
    Opening(
        "directions",
        {
            "en": ("where are you", "where is your office", "how do i find you", "how do i get to your office"),
            "sw": ("mko wapi", "ofisi yenu iko wapi", "nitafikaje ofisini kwenu"),
        },
    ),
    Opening(
        "answerQuestion",
        {
            "en": (
                "is there parking",
                "do you have parking",
                "can i pay by card",
                "what should i bring",
                "how much does it cost",
                "do you have wireless internet",
                "do you repair bicycles",
                "do you sell flowers",
            ),
            "sw": (
                "je kuna maegesho ya magari",
                "naweza kulipa kwa kadi",
                "nije na nini",
                "bei ni kiasi gani",
                "mnauza maua",
            ),
        },
        fill="question",
    ),
    # --- support ------------------------------------------------------------------------------------------------------------
    Opening(
        "accountStatus",
        {
            "en": ("what is my balance", "what is my account balance", "how much do i owe"),
            "sw": ("salio langu ni kiasi gani", "nadaiwa kiasi gani"),
        },
        arguments={"topic": "balance"},
    ),
    Opening(
        "accountStatus",
        {"en": ("what plan do i have", "which plan do i have"), "sw": ("niko kwenye mpango gani",)},
        arguments={"topic": "plan"},
    ),
    Opening(
        "accountStatus",
        {
            "en": ("is there an outage", "is there an outage in my area", "is there a problem in my area"),
            "sw": ("je kuna hitilafu eneo langu",),
        },
        arguments={"topic": "outage"},
    ),
    Opening(
        "accountStatus",
        {
            "en": ("what is the state of my ticket", "what is happening with my ticket"),
            "sw": ("tatizo langu limefikia wapi",),
        },
        arguments={"topic": "tickets"},
    ),
    Opening(
        "orderStatus",
        {
            "en": ("where is my order", "i want to check my order", "when will my order arrive"),
            "sw": ("oda yangu iko wapi", "agizo langu liko wapi"),
        },
    ),
    Opening(
        "startFix",
        {
            "en": (
                "my internet is slow",
                "my internet is not working",
                "my internet keeps dropping",
                "there is a red light on my router",
                "my phone has no signal",
            ),
            "sw": ("intaneti yangu ni polepole", "intaneti yangu haifanyi kazi"),
        },
        fill="problem",
    ),
    Opening(
        "proposeTicket",
        {
            "en": ("i want to report a problem", "i would like to report a problem", "please open a ticket"),
            "sw": ("nataka kuripoti tatizo",),
        },
    ),
    Opening("proposeTicketNote", {"en": ("add a note to my ticket", "i want to add a note to my ticket"), "sw": ()}),
    # --- deliveries ---------------------------------------------------------------------------------------------------------
    Opening(
        "trackShipment",
        {
            "en": (
                "where is my parcel",
                "where is my delivery",
                "i want to track my parcel",
                "when will my parcel arrive",
            ),
            "sw": ("mzigo wangu uko wapi", "kifurushi changu kiko wapi", "mzigo wangu utafika lini"),
        },
    ),
    Opening(
        "reschedule",
        {
            "en": (
                "i want to reschedule my delivery",
                "i would like to reschedule my delivery",
                "i want to change the delivery day",
                "can you deliver it {when}",
                "please deliver it {when}",
                "please bring it {when}",
            ),
            "sw": (
                "nataka kubadilisha siku ya kuletewa mzigo",
                "naomba kubadilisha siku ya kuletewa",
                "niletee {when}",
                "nileteeni {when}",
            ),
        },
    ),
    Opening(
        "confirmAddress",
        {
            "en": (
                "i want to confirm my address",
                "i want to change the delivery address",
                "i would like to change my address",
            ),
            "sw": ("nataka kuthibitisha anwani yangu", "nataka kubadilisha anwani"),
        },
    ),
    Opening(
        "findGate",
        {
            "en": (
                "i am the driver and i am at the gate",
                "i cannot find the gate",
                "i cannot find the house",
                "where is the gate",
                "i am the driver",
            ),
            "sw": ("mimi ni dereva niko nje", "geti liko wapi", "mimi ni dereva"),
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    tool: str
    arguments: Mapping[str, str]


def openings_for(tools: frozenset[str] | Sequence[str], *, always: bool = False) -> list[Opening]:
    """Those that lead to one of `tools`; always: only those that are understood at any moment."""
    return [one for one in OPENINGS if one.tool in tools and (one.always or not always)]


def find(words: str, subject: Subject, language: str, *, always: bool = False) -> Found | None:
    """What the caller's words ask for, if they are one of the openings of the subject's tools."""
    for opening in openings_for(subject.tools, always=always):
        for phrase in opening.phrases[language]:
            if match := _pattern(phrase, _names(subject.people)).fullmatch(words):
                return Found(opening.tool, _arguments(opening, words, match.groupdict(), subject.people))
    return None


def _arguments(opening: Opening, words: str, slots: Mapping[str, str], people: Names) -> dict[str, str]:
    arguments = dict(opening.arguments)
    if opening.fill:
        arguments[opening.fill] = words
    if when := slots.get("when"):
        arguments["when"] = when
    if person := slots.get("person"):
        arguments["department"] = next(key for key, names in people.items() if person in names)
    return arguments


def _names(people: Names) -> tuple[str, ...]:
    return tuple(name for names in people.values() for name in names)


@cache
def _pattern(phrase: str, names: tuple[str, ...]) -> re.Pattern[str]:
    """A slot for people without any people matches nothing."""
    person = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"(?!)"
    pattern = re.escape(phrase).replace(re.escape(WHEN), "(?P<when>.+)")
    return re.compile(pattern.replace(re.escape(PERSON), f"(?:the )?(?P<person>{person})"))
