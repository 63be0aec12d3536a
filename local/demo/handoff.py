"""Hand-offs, whatever the agent: what the human at the other telephone says, and what two recordings must prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from local.audio.analysis import Haystack, Recording, Samples
from local.caller import Rule, Spoken
from local.demo.scenario import Human, HumanLeg, Played, Problems, expect, patience, statuses

HELLO = "good day this is the office how can i help you"
THANKS = "thank you i would like to talk about my account"
BYE = "certainly i will look into it goodbye"
HELLO_IN_SWAHILI = "habari hapa ni ofisini nikusaidie nini"
THANKS_IN_SWAHILI = "asante nataka kuuliza kuhusu mzigo wangu"
BYE_IN_SWAHILI = "sawa nitaangalia kwaheri"

HELLO_AFTER_MS = 1_000  # at the earliest, after the yes
_SAYS_NOTHING = r"^$"  # who hears a person and not the agent has no words to go by

ACCEPTS = Human(
    (
        Rule(r"take the call|do you take", "yes please", times=1, follow=(HELLO, HELLO_AFTER_MS)),
        Rule(_SAYS_NOTHING, BYE, times=1, hang_up_after_ms=600),
    )
)
PICKS_UP = Human((Rule(_SAYS_NOTHING, BYE, times=1, hang_up_after_ms=600),), greeting=HELLO)
DECLINES = Human((Rule(r"take the call|do you take", "no thank you", times=2),))
NEVER_ANSWERS = Human()


def joined_rules() -> list[Rule]:
    """What the caller does while a human is looked for, and says to them."""
    return [*patience(), Rule(_SAYS_NOTHING, THANKS, times=1)]


NARROW_HZ = 8_000
PIECE_MS = 80  # a frame that came late shifts all that follows it, and so only short pieces are alike
IS_IN_IT = 0.9  # of 1.0: a piece that was passed on. Of another voice's speech hardly any piece comes near, of the same voice's one in five
MOST = 0.4  # of the pieces of a line, on a machine so busy that frames come late; all of them on an idle one
PIECES_AT_MOST = 60  # of what is looked for, evenly spread over it


def judge_joined(played: Played) -> Problems:
    """The human alone heard the brief; after the join each hears the other."""
    human = played.human
    if human is None or human.sound is None:
        return ["nobody was rung and briefed"]
    yes = next((line for line in human.lines if line.text.startswith(("yes", "ndio"))), None)
    if yes is None or yes.end_ms is None:
        return ["the human was not asked, or did not say yes"]
    brief = _piece(human.sound.agent, human.sound.rate_hz, 0, yes.start_ms)
    spoken = speech(brief)
    words = " ".join(str(note.get("text", "")) for note in human.notes if note["event"] == "agent_said").lower()
    return [
        *expect(len(spoken) >= NARROW_HZ, "the human heard no brief before the question"),
        *expect("call for you" in words or "kuna simu yako" in words, f"the brief says: {words!r}"),
        *expect(
            share_heard(spoken, narrowed(played.sound.agent, played.sound.rate_hz)) < MOST,
            "the caller heard the brief",
        ),
        *_heard(human.lines, human.sound, played.sound, after_ms=yes.end_ms, who="the caller", whom="the human"),
        *_heard(
            [line for line in played.lines if line.text in (THANKS, THANKS_IN_SWAHILI)],
            played.sound,
            human.sound,
            after_ms=0,
            who="the human",
            whom="the caller",
        ),
        *expect(any(note["event"] == "handed_over" for note in played.notes), "the record names no hand-over"),
    ]


def judge_dialled(played: Played) -> Problems:
    """The carrier put the caller through: they spoke with each other after our part of the call was over."""
    human = played.human
    if human is None:
        return ["nobody's telephone rang"]
    ended_ms = next((int(note["at_ms"]) for note in played.notes if note["event"] == "ended"), 0)
    after = _piece(played.sound.agent, played.sound.rate_hz, ended_ms, played.sound.duration_ms)
    return [
        *expect(statuses(played, "handOver") == ["connecting"], "handOver did not say that it is trying"),
        *expect(played.ended_because == "handed_over", f"our part ended because of {played.ended_because!r}"),
        *expect(any(line.text == HELLO for line in human.lines), "the human said nothing"),
        *expect(bool(human.heard), "the human heard nobody"),
        *expect(len(speech(after)) >= NARROW_HZ, "the caller heard nobody after the agent"),
        *expect(any(line.text == THANKS for line in played.lines), "the caller did not answer the human"),
    ]


def judge_not_joined(status: str, *, rang: bool = True) -> Callable[[Played], Problems]:
    """The agent came back with the outcome, and the caller was not left alone with it."""

    def judge(played: Played) -> Problems:
        return [
            *expect(status in statuses(played, "handOver"), f"handOver came back with {statuses(played, 'handOver')}"),
            *expect(
                (played.human is not None) == rang, "the human's telephone " + ("did not ring" if rang else "rang")
            ),
            *expect(not any(note["event"] == "handed_over" for note in played.notes), "the call was handed over"),
            *expect(played.ended_because == "goodbye", f"ended because of {played.ended_because!r}"),
        ]

    return judge


def _heard(
    lines: Sequence[Spoken], said_in: Recording, heard_in: Recording, *, after_ms: int, who: str, whom: str
) -> Problems:
    """Each whole line that was spoken after `after_ms` on one telephone is heard on the other."""
    spoken = [line for line in lines if line.start_ms >= after_ms and line.end_ms]
    if not spoken:
        return [f"{whom} said nothing to {who}"]
    channel = narrowed(heard_in.agent, heard_in.rate_hz)
    problems: Problems = []
    for line in spoken:
        assert line.end_ms is not None
        share = share_heard(speech(_piece(said_in.caller, said_in.rate_hz, line.start_ms, line.end_ms)), channel)
        problems += expect(share >= MOST, f"{who} heard {share:.0%} of what {whom} said: {line.text!r}")
    return problems


def share_heard(line: Samples, channel: Samples) -> float:
    """How much of `line` is heard in `channel`, in pieces. Both at NARROW_HZ."""
    size = NARROW_HZ * PIECE_MS // 1000
    starts = range(0, max(1, len(line) - size + 1), size)
    pieces = [line[start : start + size] for start in starts[:: -(-len(starts) // PIECES_AT_MOST)]]
    heard = Haystack(channel, size)
    return sum(heard.likeness(piece) >= IS_IN_IT for piece in pieces) / len(pieces)


def _piece(samples: Samples, rate_hz: int, from_ms: int, to_ms: int) -> Samples:
    return narrowed(samples[rate_hz * from_ms // 1000 : rate_hz * to_ms // 1000], rate_hz)


def narrowed(samples: Samples, rate_hz: int) -> Samples:
    """At 8 kHz, by the mean of neighbours."""
    step = rate_hz // NARROW_HZ
    whole = len(samples) // step * step
    found: Samples = samples[:whole].reshape(-1, step).mean(axis=1).astype(np.int16)
    return found


def speech(samples: Samples) -> Samples:
    """From the first to the last audible sample."""
    (loud,) = np.nonzero(np.abs(samples.astype(np.int32)) > 300)
    return samples[loud[0] : loud[-1]] if len(loud) else samples[:0]


__all__ = ["ACCEPTS", "DECLINES", "NEVER_ANSWERS", "HumanLeg", "joined_rules", "judge_joined", "judge_not_joined"]
