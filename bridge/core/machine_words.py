"""What the words of whoever answered say about it: the second witness beside the sound. Pure.

People say "he is not available right now" and "you have reached the clinic" too. So only what nobody says to a caller is proof: an order to
speak after a tone, an exchange that speaks of "the subscriber". The rest is a hint, which makes the detector wait longer before it takes a
pause for a turn, and never decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pokea.consent import asks_to_stop as stand_in


class Witness(StrEnum):
    NOTHING = "nothing"
    PERSON = "person"  # asks back: only somebody who listens does that
    HINT = "hint"  # of a machine
    MAILBOX = "mailbox"  # takes messages
    ANNOUNCEMENT = "announcement"  # of an exchange or a switchboard: it takes none
    SCREENING = "screening"  # an assistant that asks who calls, and decides then


MAILBOX_WORDS = (
    "after the tone",
    "after the beep",
    "at the tone",
    "at the beep",
    "after the signal",
    "leave me a message",
    "leave your message",
    "please leave a message",
    "please leave your name",
    "leave your name and number",
    "leave your name and your number",
    "leave a brief message",
    "leave a short message",
    "record your message",
    "your message has been",
    "voice mailbox",
    "voicemail box",
    "voice mail box",
    "forwarded to voicemail",
    "forwarded to voice mail",
    "forwarded to an automated",
    "the voicemail of",
    "the voice mail of",
    "the mailbox of",
    "mailbox is full",
    "this is the voicemail",
    "baada ya mlio",
    "baada ya sauti ya mlio",
    "acha ujumbe",
    "wacha ujumbe",
    "acheni ujumbe",
    "niachie ujumbe",
    "tuachie ujumbe",
    "acha ujumbe wako",
    "sanduku la sauti",
)
ANNOUNCEMENT_WORDS = (
    "the subscriber",
    "the mobile subscriber",
    "the customer you are calling",
    "the customer you have dialled",
    "the customer you have dialed",
    "the number you have dialled",
    "the number you have dialed",
    "the number you dialled",
    "the number you dialed",
    "the number you are calling",
    "the number you have called",
    "the person you are calling",
    "the person you have called",
    "the person you are trying to reach",
    "cannot be reached at the moment",
    "cannot be connected as dialled",
    "not in service",
    "temporarily out of service",
    "has been disconnected",
    "is switched off",
    "please try again later",
    "please try your call later",
    "please check the number and dial again",
    "all our agents are busy",
    "all our agents are currently",
    "your call is important to us",
    "calls are recorded for",
    "please hold the line while",
    "for english press",
    "press one for",
    "press 1 for",
    "press 1",
    "mteja wa nambari",
    "mteja unayempigia",
    "mteja uliyempigia",
    "nambari uliyopiga",
    "nambari unayopiga",
    "namba uliyopiga",
    "namba unayopiga",
    "haipatikani kwa sasa",
    "hapatikani kwa sasa",
    "tafadhali jaribu tena baadaye",
    "tafadhali piga tena baadaye",
    "kwa kiswahili bonyeza",
    "bonyeza moja",
    "bonyeza 1",
)
SCREENING_WORDS = (
    "record your name and reason for calling",
    "state your name and the reason",
    "say your name and why you are calling",
    "say your name and why you're calling",
    "tell me your name and why you're calling",
    "is using a screening service",
    "see if this person is available",
    "taja jina lako na sababu ya kupiga",
)
PERSON_WORDS = (
    "who is this",
    "who's this",
    "who is calling",
    "who's calling",
    "who am i speaking",
    "who are you",
    "can you hear me",
    "are you there",
    "is anybody there",
    "is anyone there",
    "hello hello",
    "how can i help",
    "how may i help",
    "what can i do for you",
    "nani mwenzangu",
    "ni nani",
    "wewe ni nani",
    "nani anaongea",
    "unanisikia",
    "naongea na nani",
    "nikusaidie",
    "nikusaidie vipi",
    "haloo haloo",
    "halo halo",
)
HINT_WORDS = (
    "you have reached",
    "you've reached",
    "you are through to",
    "umefika kwa",
    "umepiga simu kwa",
    "can't come to the phone",
    "cannot come to the phone",
    "can't take your call",
    "cannot take your call",
    "unable to take your call",
    "unable to answer",
    "i'm not available",
    "not available right now",
    "not available at the moment",
    "sorry i missed your call",
    "as soon as i can",
    "as soon as possible",
    "get back to you",
    "call you back",
    "our office hours",
    "we are closed",
    "office is closed",
    "tumefunga",
    "siwezi kupokea simu",
    "sipatikani",
    "nitakupigia",
    "nitakurudia",
)
# In this order: the first that speaks is believed. "The subscriber … please leave a message after the tone" is a mailbox.
_WITNESSES: tuple[tuple[Witness, Iterable[str]], ...] = (
    (Witness.SCREENING, SCREENING_WORDS),
    (Witness.MAILBOX, MAILBOX_WORDS),
    (Witness.ANNOUNCEMENT, ANNOUNCEMENT_WORDS),
    (Witness.PERSON, PERSON_WORDS),
    (Witness.HINT, HINT_WORDS),
)
PROOF = frozenset((Witness.MAILBOX, Witness.ANNOUNCEMENT, Witness.SCREENING))


def witness_of(said: str) -> Witness:
    """`said`: all words since the answer, as far as they were written down. Word for word; case, accents and punctuation do not count."""
    if said:
        for witness, words in _WITNESSES:
            if stand_in(said, words):
                return witness
    return Witness.NOTHING
