"""How well the offline engine understands: `python -m bench.recognition [--json] [--voice NAME]`.

Phrases as callers of a clinic say them, with days, times, services and names drawn from a seed, spoken by the caller voice over a 16 kHz
leg; and sentences that have nothing to do with appointments, which must be asked again rather than guessed. Exits 1 below a bound.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from local.engine import answers
from local.engine.decoder import Finding, Vocabulary
from local.engine.ear import FRAME_SAMPLES, RATE_HZ, Ear
from local.engine.expectation import Expectation
from local.engine.grammar import ENGLISH, HOURS, WEEKDAYS, plain
from local.engine.names import NAMES
from local.engine.openings import openings_for
from local.speech.voice import Voice

SEED = 20_261_121
MIN_UNDERSTOOD = 0.95
LINE_NOISE = 3.0  # of 32,768
MIN_ASKED_AGAIN = 0.90
SERVICES = {
    "en": ("cleaning", "filling", "check up", "whitening", "extraction"),
    "sw": ("kusafisha meno", "kuziba jino", "uchunguzi wa meno", "kung'arisha meno"),
}
MINUTES = ("", " thirty", " fifteen", " forty five", " o'clock")
PARTS = ("in the morning", "in the afternoon")


@dataclass(frozen=True, slots=True)
class Phrase:
    """`agent`: whose tools the listener has; "" for the diary's alone."""

    text: str
    expectation: Expectation
    language: str = "en"
    agent: str = ""


@dataclass(slots=True)
class Tally:
    """What became of a set of phrases. wrong: (said, understood); a wrong understanding is worse than asking again."""

    said: int = 0
    right: int = 0
    asked_again: list[str] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def add(self, phrase: Phrase, words: str | None) -> None:
        self.said += 1
        if words is None:
            self.asked_again.append(phrase.text)
        elif meaning(words) == meaning(phrase.text):
            self.right += 1
        else:
            self.wrong.append((phrase.text, words))


def meaning(words: str) -> str:
    """Without what changes nothing: "on Friday" is Friday, "at nine" is nine."""
    return " ".join(word for word in plain(words).split() if word not in ("on", "at", "for", "a", "an", "this"))


def clock(rng: random.Random) -> str:
    hour = rng.choice(HOURS)
    return rng.choice(
        [f"{hour}{rng.choice(MINUTES)}", f"half past {hour}", f"quarter past {hour}", f"quarter to {hour}"]
    )


def english(rng: random.Random) -> Iterator[Phrase]:
    """Three of each kind of sentence for each of a dozen days and times, and every fixed answer and name."""
    open_, yes_no, when = Expectation.OPEN, Expectation.YES_NO, Expectation.WHEN
    for index in range(12):
        day = WEEKDAYS[index % 7]
        next_day = f"{rng.choice(('next ', ''))}{day}"
        service = SERVICES["en"][index % 4]
        yield Phrase(f"I would like to book a {service} {next_day} at {clock(rng)}", open_)
        yield Phrase(f"I would like to book a {service}", open_)
        yield Phrase(f"I want to move my appointment to {next_day} {rng.choice(('morning', 'afternoon'))}", open_)
        yield Phrase(f"{day} at {clock(rng)}", when)
        yield Phrase(f"tomorrow at {HOURS[index]}", when)
        yield Phrase(f"at {HOURS[index]} {rng.choice(PARTS)}", Expectation.CHOICE)
        yield Phrase(f"no {day} at {clock(rng)}", yes_no)
    for text in ("yes please", "yes that is right", "no thank you", "no"):
        yield Phrase(text, yes_no)
    for text in ("please cancel my appointment", "no that is all thank you goodbye", *ENGLISH.book):
        yield Phrase(text, open_)
    for text in ("the first one", "the second one", "the third one"):
        yield Phrase(text, Expectation.CHOICE)
    for service in SERVICES["en"]:
        yield Phrase(f"{'an' if service[0] in 'aeiou' else 'a'} {service}", Expectation.SERVICE)
    for name in NAMES:
        yield Phrase(f"my name is {name}", Expectation.NAME)


def swahili(rng: random.Random) -> Iterator[Phrase]:
    """What a Swahili caller says to each question."""
    hours = ("moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa", "kumi")
    days = ("jumatatu", "jumanne", "jumatano", "alhamisi", "ijumaa", "jumamosi", "kesho")
    parts = ("asubuhi", "mchana", "jioni")
    for index in range(10):
        day, hour, part = days[index % 7], hours[index], rng.choice(parts)
        service = SERVICES["sw"][index % 4]
        yield Phrase(f"nataka kuweka miadi ya {service} {day} saa {hour} {part}", Expectation.OPEN, "sw")
        yield Phrase(f"{day} saa {hour} na nusu {part}", Expectation.WHEN, "sw")
    for text in (
        "nataka kufuta miadi yangu",
        "nataka kuhamisha miadi yangu hadi ijumaa asubuhi",
        "naomba kuweka miadi",
    ):
        yield Phrase(text, Expectation.OPEN, "sw")
    for text in ("ndio", "ndio tafadhali", "hapana", "hapana asante", "sawa"):
        yield Phrase(text, Expectation.YES_NO, "sw")
    for text in ("hapana ni hayo tu asante", "asante kwaheri"):
        yield Phrase(text, Expectation.OPEN, "sw")
    for text in ("ya kwanza", "ya pili", "ya tatu"):
        yield Phrase(text, Expectation.CHOICE, "sw")
    for name in ("Amina Hassan", "Daniel Otieno", "Lucy Wambui", "Joseph Maina"):
        yield Phrase(f"jina langu ni {name}", Expectation.NAME, "sw")


COMMON_TOOLS = ("handOver", "proposeMessage", "speakLanguage", "commitProposal", "endCall")
TOOLS = {
    "booking": (
        "proposeBooking",
        "proposeMove",
        "proposeCancel",
        "listAppointments",
        "findTimes",
        "proposeWaitingList",
    ),
    "reception": ("answerQuestion", "openingHours", "directions"),
    "support": (
        "verifyCaller",
        "accountStatus",
        "orderStatus",
        "startFix",
        "fixStep",
        "proposeTicket",
        "proposeTicketNote",
    ),
    "leads": ("nextQuestion", "recordAnswer", "optOut"),
    "dispatch": ("trackShipment", "reschedule", "confirmAddress", "findGate", "deliveryAnswer"),
    "whisper": ("acceptCall", "declineCall"),
}
PEOPLE = {
    "en": ("front desk", "reception", "sales", "sales team", "dispatch", "dispatch desk", "support team", "manager"),
    "sw": ("mapokezi", "mauzo", "meneja", "ofisi"),
}


def heard_by(agent: str, language: str) -> Vocabulary:
    """What the engine listens with for an agent of the example businesses."""
    services = SERVICES[language] if agent in ("", "booking") else ()
    tools = (*COMMON_TOOLS, *TOOLS[agent]) if agent else ()
    return Vocabulary(language, [plain(name) for name in services], tools, PEOPLE[language] if agent else ())


def said_digits(rng: random.Random, count: int, language: str = "en") -> str:
    return " ".join(rng.choice(answers.DIGITS[language]) for _ in range(count))


def openings_of(agent: str, language: str) -> Iterator[Phrase]:
    """Every way to begin, with a slot filled in."""
    when = "tomorrow afternoon" if language == "en" else "kesho mchana"
    for opening in openings_for((*COMMON_TOOLS, *TOOLS[agent])):
        for phrase in opening.phrases[language]:
            text = phrase.replace("{when}", when).replace("{person}", PEOPLE[language][0])
            yield Phrase(text, Expectation.OPEN, language, agent)


def replies_of(agent: str, language: str) -> Iterator[Phrase]:
    for text in answers.listed(answers.REPLIES, TOOLS[agent], language):
        yield Phrase(text, Expectation.YES_NO, language, agent)
    for text in answers.listed(answers.TEXTS, (*TOOLS[agent], "proposeMessage"), language):
        yield Phrase(text, Expectation.TEXT, language, agent)


def of_reception(rng: random.Random) -> Iterator[Phrase]:
    for language in ("en", "sw"):
        yield from openings_of("reception", language)
        yield from replies_of("reception", language)


def of_support(rng: random.Random) -> Iterator[Phrase]:
    yield from openings_of("support", "en")
    yield from replies_of("support", "en")
    for _ in range(6):
        before = rng.choice(("account ", "it is ", ""))
        yield Phrase(f"{before}{said_digits(rng, 4)}", Expectation.DIGITS, "en", "support")
    for name in NAMES[:6]:
        yield Phrase(f"my name is {name}", Expectation.NAME, "en", "support")


def of_leads(rng: random.Random) -> Iterator[Phrase]:
    yield from openings_of("leads", "en")
    yield from replies_of("leads", "en")
    for number in rng.sample(range(2, 99), 8):
        yield Phrase(answers.NUMBERS["en"][number - 1], Expectation.NUMBER, "en", "leads")
        yield Phrase(f"about {answers.NUMBERS['en'][number - 1]}", Expectation.NUMBER, "en", "leads")


def of_dispatch(rng: random.Random) -> Iterator[Phrase]:
    for language in ("en", "sw"):
        yield from openings_of("dispatch", language)
        yield from replies_of("dispatch", language)
        for place in answers.PLACES[language]:
            yield Phrase(place, Expectation.PLACE, language, "dispatch")
        for _ in range(6):
            letters = " ".join(rng.choice(answers.LETTERS) for _ in range(2))
            text = f"{letters} {said_digits(rng, 4, language)}"
            yield Phrase(text, Expectation.TRACKING, language, "dispatch")


def of_whisper(rng: random.Random) -> Iterator[Phrase]:
    for text in ("yes", "yes please", "okay", "no", "no thank you"):
        yield Phrase(text, Expectation.YES_NO, "en", "whisper")
    for text in ("ndio", "sawa", "hapana"):
        yield Phrase(text, Expectation.YES_NO, "sw", "whisper")


def of_booking(rng: random.Random) -> Iterator[Phrase]:
    """The clinic's phrases again, heard with all of a booking agent's tools."""
    for phrase in (*english(rng), *swahili(rng)):
        yield replace(phrase, agent="booking")
    for language in ("en", "sw"):
        yield from openings_of("booking", language)


FOREIGN = {
    "en": """
        tell me a joke about elephants
        i would like a large pizza with extra cheese
        what is the weather like in london today
        the quick brown fox jumps over the lazy dog
        my car has broken down on the motorway
        please send a technician to fix my internet
        how much does a plane ticket to paris cost
        where is my parcel it should have arrived yesterday
        can you play some music for me
        i lost my wallet at the station
        my dog ate the homework again
        please transfer me to the sales department
        the printer in the office is out of paper
        do you sell red shoes in size forty two
        i forgot the password of my account
        we are going to the beach with the children
        turn off the lights in the kitchen
        who won the football match last night
        could you explain how photosynthesis works
        this is a test of the emergency system
        my grandmother makes the best soup
        are there any vegetarian dishes on the menu
        you have reached the wrong department
        the train to the airport was delayed
        our neighbours are painting their house
        """,
    "sw": """
        mvua inanyesha sana leo mjini
        ninapenda kucheza mpira na rafiki zangu
        bei ya ndizi sokoni imepanda
        gari langu limeharibika barabarani
        watoto wanasoma vitabu shuleni
        tafadhali nipe maji ya kunywa
        """,
}


def foreign(_rng: random.Random) -> Iterator[Phrase]:
    """Sentences that no grammar holds, put to the questions that are asked most."""
    expectations = (Expectation.OPEN, Expectation.WHEN, Expectation.YES_NO)
    for language, block in FOREIGN.items():
        for index, text in enumerate(block.strip().splitlines()):
            yield Phrase(text.strip(), expectations[index % len(expectations)], language)
            yield Phrase(text.strip(), Expectation.OPEN, language)


def over_the_line(pcm: bytes) -> bytes | None:
    """What the ear takes for the first utterance when the caller says `pcm` on a line with faint noise."""
    silence = np.zeros(RATE_HZ, np.float32)
    line = np.concatenate([silence, np.frombuffer(pcm, "<i2").astype(np.float32), silence])
    line += np.random.default_rng(0).normal(0.0, LINE_NOISE, len(line))
    ear = Ear()
    for start in range(0, len(line), FRAME_SAMPLES):
        for heard in ear.feed(np.rint(line[start : start + FRAME_SAMPLES]).astype("<i2").tobytes()):
            if heard.utterance is not None:
                return heard.utterance
    return None


# What is foreign to a clinic may be what another agent is for.
AT_HOME = {
    "reception": (),
    "support": ("please send a technician to fix my internet", "i forgot the password of my account"),
    "leads": (),
    "dispatch": ("where is my parcel it should have arrived yesterday",),
}


def foreign_to_agents(_rng: random.Random) -> Iterator[Phrase]:
    for agent, known in AT_HOME.items():
        for language, block in FOREIGN.items():
            for index, text in enumerate(line.strip() for line in block.strip().splitlines()):
                if text not in known and "transfer me" not in text:
                    yield Phrase(text, (Expectation.OPEN, Expectation.YES_NO)[index % 2], language, agent)


class Listener:
    """The caller's mouth, a quiet 16 kHz line and the engine's ear."""

    def __init__(self, voice: Voice, caller: str = "", wpm: int = 0) -> None:
        self._voice, self._caller, self._wpm = voice, caller, wpm
        self._vocabularies: dict[tuple[str, str], Vocabulary] = {}

    def vocabulary(self, agent: str, language: str) -> Vocabulary:
        key = agent, language
        if key not in self._vocabularies:
            self._vocabularies[key] = heard_by(agent, language)
        return self._vocabularies[key]

    def find(self, phrase: Phrase) -> Finding | None:
        voice = self._caller if phrase.language == "en" else ""
        pcm = self._voice.say_now(phrase.text, language=phrase.language, voice=voice, wpm=self._wpm)
        utterance = over_the_line(pcm)
        return self.vocabulary(phrase.agent, phrase.language).find(utterance, phrase.expectation) if utterance else None

    def understand(self, phrase: Phrase) -> str | None:
        finding = self.find(phrase)
        return finding.words if finding and finding.is_credible else None


def tally(listener: Listener, phrases: Iterator[Phrase]) -> Tally:
    result = Tally()
    for phrase in phrases:
        result.add(phrase, listener.understand(phrase))
    return result


def confusions(wrong: Sequence[tuple[str, str]], words: Sequence[str]) -> Counter[tuple[str, str]]:
    """(said, heard) pairs among `words`: weekdays taken for weekdays, hours for hours."""
    found: Counter[tuple[str, str]] = Counter()
    for said, heard in wrong:
        one = [word for word in plain(said).split() if word in words]
        other = [word for word in plain(heard).split() if word in words]
        found.update((a, b) for a, b in zip(one, other, strict=False) if a != b)
    return found


SETS: dict[str, Callable[[random.Random], Iterator[Phrase]]] = {
    "english": english,
    "swahili": swahili,
    "booking": of_booking,
    "reception": of_reception,
    "support": of_support,
    "leads": of_leads,
    "dispatch": of_dispatch,
    "whisper": of_whisper,
}


def report(listener: Listener, seed: int) -> tuple[dict[str, object], bool]:
    """The figures, and whether every bound holds."""
    figures: dict[str, object] = {"seed": seed}
    holds = True
    for name, phrases in SETS.items():
        result = tally(listener, phrases(random.Random(seed)))
        share = result.right / result.said
        holds &= share >= MIN_UNDERSTOOD
        figures[name] = {
            "phrases": result.said,
            "understood": round(share, 4),
            "asked_again": result.asked_again,
            "wrong": result.wrong,
        }
        if name == "english":
            figures["weekdays_confused"] = [list(pair) for pair in confusions(result.wrong, WEEKDAYS).elements()]
            figures["hours_confused"] = [list(pair) for pair in confusions(result.wrong, HOURS).elements()]
    for name, phrases in (("foreign", foreign), ("foreign_to_agents", foreign_to_agents)):
        result = tally(listener, phrases(random.Random(seed)))
        share = len(result.asked_again) / result.said
        holds &= share >= MIN_ASKED_AGAIN
        figures[name] = {"sentences": result.said, "asked_again": round(share, 4), "taken_for": result.wrong}
    return figures, holds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recognition", description="Accuracy of the offline engine.")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument(
        "--voice", default="", help="an espeak-ng voice for the English caller (default: the caller's own)"
    )
    parser.add_argument("--wpm", type=int, default=0, help="words per minute (default: the caller's own)")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with Voice("caller") as voice:
        figures, holds = report(Listener(voice, options.voice, options.wpm), options.seed)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
        print(
            "every bound holds"
            if holds
            else f"below a bound: {MIN_UNDERSTOOD:.0%} understood, {MIN_ASKED_AGAIN:.0%} asked again"
        )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
