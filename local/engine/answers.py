"""What callers answer when a tool has asked them something: numbers, digits, tracking ids, places, problems, messages.

Each is a list of phrases or a small graph over them; `grammar` puts them together with what may be said at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DIGITS: Mapping[str, Sequence[str]] = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "sw": ("sifuri", "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa"),
}
LETTERS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
BEFORE_DIGITS: Mapping[str, Sequence[str]] = {
    "en": (
        "account",
        "account number",
        "my account is",
        "my account number is",
        "it is",
        "the number is",
        "order number",
    ),
    "sw": ("akaunti", "akaunti yangu ni", "ni", "namba ni", "nambari ni"),
}
INSTEAD_OF_DIGITS: Mapping[str, Sequence[str]] = {"en": ("this number",), "sw": ("namba hii",)}
BEFORE_TRACKING: Mapping[str, Sequence[str]] = {
    "en": ("it is", "my tracking number is", "the tracking number is", "tracking number", "the number is"),
    "sw": ("ni", "namba ni", "nambari ni", "namba ya mzigo ni"),
}
BEFORE_NUMBER: Mapping[str, Sequence[str]] = {
    "en": ("about", "we need", "we are", "around", "it is"),
    "sw": ("kama", "tunahitaji", "tuko"),
}
_UNITS = DIGITS["en"][1:]
_TEENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS: Mapping[str, Sequence[str]] = {
    "en": (
        *_UNITS,
        *_TEENS,
        *_TENS,
        *(f"{ten} {unit}" for ten in _TENS for unit in _UNITS),
        "one hundred",
        "two hundred",
    ),
    "sw": (*DIGITS["sw"][1:], "kumi", "kumi na mbili", "kumi na tano", "ishirini", "thelathini", "hamsini", "mia moja"),
}
AFTER_NUMBER: Mapping[str, Sequence[str]] = {
    "en": ("people", "seats", "thousand shillings", "thousand", "years", "rooms"),
    "sw": ("watu", "viti"),
}

MIN_DIGITS, MAX_DIGITS = 3, 6
MIN_LETTERS, MAX_LETTERS = 1, 3

PLACES: Mapping[str, Sequence[str]] = {
    "en": (
        "the blue gate",
        "the green gate",
        "next to the petrol station",
        "opposite the church",
        "behind the school",
        "near the market",
        "river road house number twelve",
        "moi avenue house number five",
        "ngong road house number nine",
    ),
    "sw": (
        "geti la bluu",
        "karibu na soko",
        "nyuma ya shule",
        "mkabala na kanisa",
        "karibu na kituo cha mafuta",
    ),
}

# Free answers, by the tool that takes them.
TEXTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "proposeMessage": {
        "en": (
            "please call me back",
            "please call me back about my bill",
            "please call me back about my order",
            "please call me back about my delivery",
            "please call me back about my appointment",
            "i will be late today",
            "please send me the price list",
        ),
        "sw": (
            "tafadhali nipigie simu",
            "tafadhali nipigieni simu",
            "nitachelewa leo",
            "naomba mnipigie kuhusu mzigo wangu",
        ),
    },
    "startFix": {
        "en": (
            "my internet is slow",
            "my internet is not working",
            "my internet keeps dropping",
            "my router does not start",
            "my phone has no signal",
            "the connection is lost every evening",
        ),
        "sw": ("intaneti yangu ni polepole", "intaneti yangu haifanyi kazi"),
    },
    "proposeTicketNote": {"en": ("it happened again this morning", "it is working again"), "sw": ()},
    "recordAnswer": {
        "en": (
            "yes go ahead",
            "no i am busy",
            "call me later",
            "this week",
            "this month",
            "next month",
            "this year",
            "next year",
            "in three months",
            "in six months",
            "as soon as possible",
            "i am not sure",
            "we are just looking",
            "i decide",
            "i am the owner",
            "i am the manager",
            "my manager decides",
        ),
        "sw": ("mwezi huu", "mwezi ujao", "mwaka huu", "mwaka ujao", "haraka iwezekanavyo", "sina uhakika"),
    },
}
# A yes or a no with more to it, by the tool that takes it.
REPLIES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "fixStep": {
        "en": (
            "yes it is on",
            "no it is off",
            "it is green",
            "it is red",
            "yes it is green",
            "no it is red",
            "yes it works now",
            "no it is still slow",
            "no it does not work",
            "it works now",
            "i have done that",
        ),
        "sw": ("ndio inawaka", "hapana haiwaki", "ndio inafanya kazi", "hapana bado ni polepole"),
    },
    "deliveryAnswer": {
        "en": (
            "yes somebody will be there",
            "yes i will be at home",
            "no nobody will be at home",
            "no i will not be there",
            "please leave it with the neighbour",
        ),
        "sw": ("ndio nitakuwepo", "ndio kutakuwa na mtu", "hapana sitakuwepo"),
    },
    "recordAnswer": {
        "en": ("yes go ahead", "yes i have time", "no i am busy", "call me later", "yes i do", "no i do not"),
        "sw": ("ndio endelea", "hapana sina muda", "nipigie baadaye"),
    },
}


def listed(tables: Mapping[str, Mapping[str, Sequence[str]]], tools: Sequence[str], language: str) -> list[str]:
    """The phrases of every table whose tool is among `tools`, each once."""
    return list(dict.fromkeys(phrase for tool in tools if tool in tables for phrase in tables[tool][language]))
