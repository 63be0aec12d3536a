"""F5.7: placed calls through the whole session. Nothing is said before it is known who answered, the disclosure is heard whole, and a
message begins after the beep. A bridge with any one of the safeguards taken out is seen to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache

import pytest

from bridge.core.frames import (
    CallerSpeech,
    CallerTranscribed,
    DtmfPressed,
    EndReason,
    HangUp,
    ModelAudio,
    ModelInterrupted,
    SwitchClosed,
    TurnComplete,
)
from bridge.core.machine import Answerer
from tests.faults.broken import answered_calls as broken
from tests.support.answered_lines import Answered, faxes, mailbox, nobodies, operator, person, still
from tests.support.greetings import MAILBOXES, OPERATORS, PEOPLE
from tests.support.placed_call import (
    GREETING_LEVEL,
    GREETING_MS,
    MESSAGE,
    MESSAGE_LEVEL,
    MESSAGE_MS,
    PlacedCall,
    after,
    beep,
    sound,
    speech,
)
from tests.unit.bridge.virtual_call import voice_ms

SEED = 5_12
Break = Callable[[], AbstractContextManager[None]]


def heard_whole(call: PlacedCall, level: int, length_ms: float) -> bool:
    heard = call.heard_of(level)
    return abs(len(heard) * 20 - length_ms) <= 40 and heard[-1] - heard[0] <= length_ms + 20


def faults_of(answered: Answered, *, message: str = "") -> list[str]:
    """What was done wrong in this call; somebody who is greeted talks over it, and the model stops for them."""
    call = PlacedCall(answered.pcm, message=message)
    call.model_ready()
    end_ms = len(answered.pcm) / 8 + MESSAGE_MS + 8_000
    has_talked_over = False
    while call.now < end_ms and not call.all(HangUp):
        call.advance(100)
        if not has_talked_over and len(call.heard_of(GREETING_LEVEL)) * 20 > 600:
            has_talked_over = True
            if answered.is_ is Answerer.PERSON:
                call.is_heard(after(0, "Wait, who is this?"))
                call.feed(CallerTranscribed("wait who is this"))
            call.feed(CallerSpeech(True), ModelInterrupted(), ModelAudio(voice_ms(700)))
    call.advance(500)
    verdict = call.notes("answered_by")
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    return [
        *(["said something before the verdict"] if call.sent and not verdict else []),
        *_greeting_faults(call, answered),
        *_message_faults(call, answered, message),
        *([] if call.ended.answerer == answered.is_ else [f"{answered.is_} was {call.ended.answerer!r}"]),
    ]


def _greeting_faults(call: PlacedCall, answered: Answered) -> list[str]:
    heard = call.heard_of(GREETING_LEVEL)
    if answered.is_ in (Answerer.PERSON, Answerer.SILENCE):
        until_ms = answered.spoken_until_ms
        early = until_ms is not None and heard and heard[0] < until_ms
        whole = heard_whole(call, GREETING_LEVEL, GREETING_MS)
        return [*(["spoke over the hello"] if early else []), *([] if whole else ["the disclosure was not whole"])]
    return ["greeted a machine"] if heard and len(heard) * 20 >= GREETING_MS - 100 else []


def _message_faults(call: PlacedCall, answered: Answered, message: str) -> list[str]:
    heard = call.heard_of(MESSAGE_LEVEL)
    if not message or answered.is_ is not Answerer.MACHINE or answered.beep_ms is None:
        return ["left a message with no machine that records"] if heard else []
    if not heard:
        return ["left no message"]
    whole = heard_whole(call, MESSAGE_LEVEL, MESSAGE_MS)
    early = heard[0] < answered.beep_ms - 100
    reason = call.last(HangUp).reason if call.all(HangUp) else None
    return [
        *(["began before the beep"] if early else []),
        *([] if whole else ["the message was not whole"]),
        *([] if reason is EndReason.MACHINE else [f"ended because of {reason}"]),
    ]


@lru_cache(maxsize=1)
def few() -> tuple[Answered, ...]:
    """Somebody, a mailbox, and a machine that is greeted because it pauses as a person does."""
    return person(0, SEED), mailbox(2, SEED), short_greeting()


def short_greeting() -> Answered:
    parts = (still(300), speech("Hello, this is Mary."), still(1_700))
    line = sound(*parts, beep(), still(3_000))
    return Answered("a short greeting", Answerer.MACHINE, line, beep_ms=sum(map(len, parts)) / 8 + 400)


def test_few_of_each_kind_are_dealt_with_as_they_should() -> None:
    for answered in few():
        assert faults_of(answered, message=MESSAGE) == [], answered.name


@pytest.mark.parametrize(
    ("breaks", "which", "fault"),
    [
        (broken.greets_before_the_verdict, 0, "spoke over the hello"),
        (broken.whoever_speaks_stops_the_disclosure, 0, "the disclosure was not whole"),
        (broken.speaks_to_a_machine_at_once, 1, "began before the beep"),
    ],
)
def test_a_bridge_without_the_safeguard_is_caught(breaks: Break, which: int, fault: str) -> None:
    with breaks():
        assert fault in faults_of(few()[which], message=MESSAGE)


def test_a_bridge_that_never_looks_twice_greets_the_machine_to_the_end() -> None:
    with broken.never_looks_twice():
        assert "greeted a machine" in faults_of(few()[2])


def test_a_bridge_that_takes_length_for_proof_hangs_up_while_somebody_talks() -> None:
    words = "Lakeside dental clinic, good morning, thank you for calling. We are open from eight until five, how may I help you?"
    line = sound(still(200), speech(words, 120), still(6_000))

    def hung_up_ms() -> float:
        call = PlacedCall(line)
        while not call.all(HangUp) and call.now < 20_000:
            call.advance(100)
        return call.now

    ours = hung_up_ms()
    with broken.takes_length_for_proof():
        assert hung_up_ms() < len(line) / 8 - 6_000 < ours


def test_a_bridge_that_leaves_messages_everywhere_is_caught() -> None:
    def is_left(words: str) -> bool:
        call = PlacedCall(sound(still(300), speech("Hello, this is Mary.")), message=MESSAGE)
        call.model_ready()
        call.advance(2_700)
        call.feed(CallerTranscribed(words))
        call.is_heard(sound(still(200), beep()))
        call.advance(6_000)
        return bool(call.heard_of(MESSAGE_LEVEL))

    words = "the number you have dialled is not in service"
    assert not is_left(words)
    with broken.leaves_messages_everywhere():
        assert is_left(words)


def test_a_model_that_hears_over_its_own_greeting_is_caught() -> None:
    def heard_over_it_ms() -> float:
        call = PlacedCall(sound(still(300), speech("Hello."), still(100)), {})
        call.model_ready()
        call.advance(2_500)
        assert call.dictated()
        call.is_heard(after(0, "Wait, who is this?"))
        call.model_greets()
        call.advance(2_000)
        return call.model_heard_ms()

    assert heard_over_it_ms() == 0
    with broken.the_model_hears_over_a_dictated_greeting():
        assert heard_over_it_ms() > 500


def greeted() -> PlacedCall:
    """The greeting is on the line."""
    call = PlacedCall(sound(still(300), speech("Hello."), still(100)))
    call.advance(2_700)
    assert call.heard_of(GREETING_LEVEL)
    return call


def test_a_bridge_that_takes_a_broken_reading_for_the_greeting_is_caught() -> None:
    def model_heard_before_it_ms() -> float:
        call = PlacedCall(sound(still(300), speech("Hello."), still(100)), {})
        call.model_ready()
        call.advance(2_500)
        call.feed(ModelAudio(voice_ms(400, GREETING_LEVEL)), ModelInterrupted(), TurnComplete())
        call.model_greets()
        call.is_heard(after(0, "Wait, who is this?"))
        call.advance(2_500)
        return call.model_heard_ms()

    assert model_heard_before_it_ms() == 0
    with broken.takes_a_broken_reading_for_the_greeting():
        assert model_heard_before_it_ms() > 300


def test_a_bridge_that_makes_a_number_of_the_stop_key_is_caught() -> None:
    def opt_outs() -> int:
        call = greeted()
        call.feed(DtmfPressed("1", 100))
        call.advance(1_000)
        call.feed(DtmfPressed("9", 100))
        return len(call.opt_outs())

    assert opt_outs() == 1
    with broken.makes_a_number_of_the_stop_key():
        assert opt_outs() == 0


def test_a_bridge_that_obeys_no_key_over_a_message_is_caught() -> None:
    def opt_outs() -> int:
        call = PlacedCall(sound(still(300), speech("Hello, this is Mary.")), message=MESSAGE)
        call.model_ready()
        call.advance(2_700)
        call.feed(CallerTranscribed("please leave a message after the tone"))
        call.is_heard(sound(still(200), beep()))
        call.advance(1_500)
        assert call.heard_of(MESSAGE_LEVEL)
        call.feed(DtmfPressed("9", 100))
        return len(call.opt_outs())

    assert opt_outs() == 1
    with broken.obeys_no_key_over_a_message():
        assert opt_outs() == 0


@pytest.mark.faults
@pytest.mark.parametrize("message", ["", MESSAGE])
def test_many_of_each_kind(message: str) -> None:
    """The detector may be wrong about a few machines; what the bridge does about what it knows may not."""
    calls: Sequence[Answered] = (
        *(person(index, SEED) for index in range(1, len(PEOPLE), 6)),
        *(mailbox(index, SEED) for index in range(1, len(MAILBOXES), 3)),
        *(operator(index, SEED) for index in range(1, len(OPERATORS), 5)),
        *faxes([SEED]),
        *nobodies([SEED]),
    )
    wrong = {answered.name: found for answered in calls if (found := faults_of(answered, message=message))}
    unforgivable = {
        name: found
        for name, found in wrong.items()
        for one in found
        if one in ("said something before the verdict", "began before the beep", "the disclosure was not whole")
    }
    assert unforgivable == {}
    assert len(wrong) <= len(calls) * 0.1, wrong
