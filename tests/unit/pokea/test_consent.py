from __future__ import annotations

import pytest

from pokea.consent import STOP_KEY, STOP_PHRASES, STOP_WORDS, asks_to_stop, is_suppressed, number_digest
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from tests.fakes.conversation import AMINA, CLINIC
from tests.fakes.memory_store import MemoryStore


@pytest.mark.parametrize(
    "heard",
    [
        "Don't call me again!",
        "dont call me again please",
        "DO NOT CALL ME AGAIN",
        "look, stop calling me, will you",
        "please remove me from your list",
        "take me off this list",
        "take my number off",
        "I want to unsubscribe",
        "usinipigie tena",
        "tafadhali msinipigie simu tena",
        "niondoe kwenye orodha yenu",
        "ondoa namba yangu",
        "acha kunipigia",
        "sitaki kupigiwa simu",
        "yes okay — no, wait: never call me",
        "don't ring me again",
        "I do not want you to ring me again",
        "do not ring again please",
        "I don't want any more calls from you",
        "no more calls please",
        "take us off your list",
        "stop bothering us",
        "naomba uniondoe kwenye orodha yenu",
        "nataka niondolewe",
        "naomba nisipigiwe tena",
        "usinisumbue",
        "tafadhali msinisumbue tena",
        "sitaki simu",
        "Sitaki simu, asante.",
        "sitaki simu zenu",
        "sipendi kupigiwa simu",
        "acha kupiga",
        "acheni kupiga simu",
        "futa jina langu",
        "ondoa jina langu kwenye orodha",
        "toa jina langu",
        "usinitafute tena",
        "msinitafute",
    ],
)
def test_whoever_asks_not_to_be_called_is_heard(heard: str) -> None:
    assert asks_to_stop(heard)


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "no",
        "not now, call me later",
        "don't call me today, call me tomorrow",
        "I will call you again",
        "can you stop by tomorrow",
        "I do not want to call again and again",
        "nipigie kesho",
        "sitaki hiyo",
        "remove the old one",
        "please don't stop",
        "my office is called stop and shop",
        "can you ring me again tomorrow",
        "please ring again later",
        "ring again",
        "will there be any more calls about this",
        "unipigie tena kesho",
        "sitaki simu irekodiwe",
        "sitaki simu yangu irekodiwe",
        "acheni kupiga kelele watoto",
        "jina langu ni Amina",
        "sikusikii vizuri",
    ],
)
def test_whoever_asks_for_something_else_is_not_cut_off(heard: str) -> None:
    assert not asks_to_stop(heard)


def test_every_stop_phrase_is_found_by_itself() -> None:
    assert set(STOP_WORDS) == {"en", "sw"}
    assert STOP_KEY == "9"
    assert all(asks_to_stop(phrase.upper() + ".") for phrases in STOP_WORDS.values() for phrase in phrases)


@pytest.mark.parametrize("heard", ["sitaki simu", "acheni kupiga"])
def test_a_sentence_that_may_go_on_is_not_cut_off(heard: str) -> None:
    """The bridge hears a sentence as it grows: "sitaki simu" may become "sitaki simu irekodiwe"."""
    assert asks_to_stop(heard)
    assert not asks_to_stop(heard, STOP_PHRASES)


def test_a_suppression_holds_for_one_business_and_names_no_number() -> None:
    digest = number_digest(CLINIC.business_id, AMINA)
    assert digest != number_digest(BusinessId("another"), AMINA)
    assert digest != number_digest(CLINIC.business_id, E164("+254722000112"))
    assert AMINA[1:] not in digest
    assert not is_suppressed(MemoryStore(), CLINIC.business_id, AMINA)
