"""The engine's own words and the patterns it finds in the caller's. What concerns a business comes from its tools instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    intents: Sequence[tuple[str, re.Pattern[str]]]  # about the diary; the first match wins
    goodbye_words: re.Pattern[str]
    yes: re.Pattern[str]
    no: re.Pattern[str]
    murmur: re.Pattern[str]  # said over the agent it is no turn, but a sign of listening
    when: re.Pattern[str]  # where a day or a time begins
    before_name: re.Pattern[str]
    which_service: str
    when_to_book: str
    when_to_move: str
    name: str
    other_time: str
    left_alone: str
    no_such_choice: str
    say_again: str
    what_i_understand: str
    what_the_diary_understands: str
    goodbye: str
    trouble: str
    anything_else: str
    what_then: str  # to a yes where a wish was awaited
    questions: Mapping[str, str]  # for an argument that a tool cannot do without

    def is_goodbye(self, words: str) -> bool:
        return bool(self.goodbye_words.search(words))


_ENGLISH_DAY = (
    r"today|tomorrow|the day after tomorrow|(next |this )?(monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
)
_ENGLISH_HOUR = r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|midnight"
_ENGLISH_PART = r"in the (morning|afternoon|evening)"

ENGLISH = Phrases(
    goodbye_words=re.compile(r"\bgoodbye\b|\bthat is all\b"),
    intents=(
        ("cancel", re.compile(r"\bcancel\b")),
        ("move", re.compile(r"\b(move|reschedule)\b")),
        ("list", re.compile(r"\bwhen is my appointment\b|\bmy appointments\b")),
        ("book", re.compile(r"\bbook\b|\bwould like (a|an)\b|\bneed (a|an)\b")),
    ),
    yes=re.compile(r"\b(yes|correct|that is right|sure|okay)\b"),
    no=re.compile(r"\bno\b"),
    murmur=re.compile(r"((mm|mhm|hmm|uh huh|yes|yeah|okay|right|sure)\b ?)+"),
    when=re.compile(
        rf"\b({_ENGLISH_DAY}|half past|quarter (past|to)|at ({_ENGLISH_HOUR}|half|quarter)|({_ENGLISH_HOUR})( |$)(?!one\b)|{_ENGLISH_PART})"
    ),
    before_name=re.compile(r"^(my name is|this is|it is|i am)\b"),
    which_service="What would you like to book?",
    when_to_book="On which day and at what time?",
    when_to_move="To which day and time would you like to move it?",
    name="May I have your name, please?",
    other_time="All right. Which day and time would you like instead?",
    left_alone="All right, I leave it as it is. Is there anything else?",
    no_such_choice="I do not have that many. Which one would you like?",
    say_again="Sorry, I did not catch that. Could you say it again?",
    what_i_understand="Sorry, I still did not understand. Could you say it in other words?",
    what_the_diary_understands="Sorry, I still did not understand. You can say: book, move or cancel an appointment.",
    goodbye="Goodbye.",
    trouble="I am sorry, something went wrong. Could you say that again?",
    anything_else="Is there anything else?",
    what_then="What can I do for you?",
    questions={
        "message": "What is the message?",
        "problem": "What is the problem?",
        "question": "What would you like to know?",
        "reason": "What is it about?",
        "note": "What should I write down?",
    },
)

SWAHILI = Phrases(
    goodbye_words=re.compile(r"\bkwaheri\b|\bni hayo tu\b"),
    intents=(
        ("cancel", re.compile(r"\b(kufuta|futa|kughairi|ghairi)\b")),
        ("move", re.compile(r"\b(kuhamisha|hamisha|kubadilisha|badilisha)\b")),
        ("list", re.compile(r"\bmiadi yangu ni lini\b")),
        ("book", re.compile(r"\b(kuweka|weka|nataka miadi|naomba)\b")),
    ),
    yes=re.compile(r"\b(ndio|ndiyo|sawa|sahihi)\b"),
    no=re.compile(r"\b(hapana|la)\b"),
    murmur=re.compile(r"((mm|mhm|eeh|ndio|ndiyo|sawa|haya)\b ?)+"),
    when=re.compile(
        r"\b(leo|kesho|wiki ijayo|jumatatu|jumanne|jumatano|alhamisi|ijumaa|jumamosi|jumapili|saa|asubuhi|mchana|alasiri|jioni|usiku)\b"
    ),
    before_name=re.compile(r"^(jina langu ni|mimi ni|naitwa)\b"),
    which_service="Ungependa huduma gani?",
    when_to_book="Siku gani na saa ngapi?",
    when_to_move="Ungependa kuihamishia siku gani na saa ngapi?",
    name="Tafadhali, jina lako ni nani?",
    other_time="Sawa. Ungependa siku na saa gani badala yake?",
    left_alone="Sawa, naiacha kama ilivyo. Kuna lingine?",
    no_such_choice="Sina nyingi hivyo. Ungependa ipi?",
    say_again="Samahani, sikusikia vizuri. Tafadhali rudia.",
    what_i_understand="Samahani, bado sijaelewa. Unaweza kusema kwa maneno mengine?",
    what_the_diary_understands="Samahani, bado sijaelewa. Unaweza kusema: weka, hamisha au futa miadi.",
    goodbye="Kwaheri.",
    trouble="Samahani, kuna tatizo. Tafadhali rudia.",
    anything_else="Kuna lingine?",
    what_then="Nikusaidie nini?",
    questions={
        "message": "Ujumbe ni upi?",
        "problem": "Tatizo ni nini?",
        "question": "Ungependa kujua nini?",
        "reason": "Inahusu nini?",
        "note": "Niandike nini?",
    },
)

PHRASES = {"en": ENGLISH, "sw": SWAHILI}
