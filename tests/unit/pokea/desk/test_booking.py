from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pokea import agents, words
from pokea.desk.agent import PHRASES
from pokea.errors import NotFound
from pokea.retention import Recording
from pokea.toolkit import Effect, Level
from tests.fakes.conversation import CLINIC, SATURDAY

AGENT = agents.get("booking")


def test_agents_are_found_by_name() -> None:
    assert agents.NAMES == ("booking", "dispatch", "leads", "receptionist", "support")
    with pytest.raises(NotFound, match="is not one of booking"):
        agents.get("barista")


def test_the_tools_are_declared_once_with_their_effects() -> None:
    effects = {spec.name: spec.effect for spec in AGENT.tools(CLINIC)}
    assert effects == {
        "findTimes": Effect.READ,
        "listAppointments": Effect.READ,
        "proposeBooking": Effect.PROPOSE,
        "proposeMove": Effect.PROPOSE,
        "proposeCancel": Effect.PROPOSE,
        "proposeWaitingList": Effect.PROPOSE,
        "handOver": Effect.TRANSFER,
        "proposeMessage": Effect.PROPOSE,
        "speakLanguage": Effect.NOTE,
        "commitProposal": Effect.COMMIT,
        "endCall": Effect.END,
    }


def test_own_appointments_need_a_number_at_least() -> None:
    claimed = {spec.name for spec in AGENT.tools(CLINIC) if spec.level is Level.CLAIMED}
    assert claimed == {"listAppointments", "proposeMove", "proposeCancel", "proposeWaitingList"}


def test_declarations_are_plain_json_schema_that_every_model_takes() -> None:
    for spec in AGENT.tools(CLINIC):
        declared = json.loads(json.dumps(spec.to_json()))
        schema = declared["parameters"]
        assert schema["type"] == "object"
        assert set(schema["required"]) <= set(schema["properties"])
        for parameter in schema["properties"].values():
            assert parameter["description"]
            assert parameter["type"] == "string" or (parameter["type"] == "object" and parameter["properties"])


def test_services_are_an_enum_with_their_spoken_names() -> None:
    service = dict(AGENT.tools(CLINIC)[0].parameters)["properties"]["service"]  # type: ignore[index]
    assert service["enum"] == list(CLINIC.booking.services)
    assert "scale and polish" in service["description"]
    assert "kusafisha meno" in service["description"]


@pytest.mark.parametrize(
    ("language", "ai", "notice"), [("en", "AI assistant", "recorded"), ("sw", "akili bandia", "inarekodiwa")]
)
def test_the_greeting_says_who_what_and_whether_it_records(language: str, ai: str, notice: str) -> None:
    plain = AGENT.greeting(CLINIC, language)
    recorded = AGENT.greeting(replace(CLINIC, recording=Recording.NOTICE), language)
    assert CLINIC.name in plain
    assert ai in plain
    assert notice not in plain
    assert notice in recorded
    assert ai in recorded


@pytest.mark.parametrize("language", ["en", "sw", "fr"])
def test_standing_phrases_are_complete_in_every_language(language: str) -> None:
    phrases = AGENT.phrases(CLINIC, language)
    assert tuple(phrases) == PHRASES
    assert all(text and "{" not in text for text in phrases.values())
    assert set(PHRASES) <= set(words.WORDS["en"])


def test_instructions_give_today_in_the_business_zone_and_the_rules() -> None:
    text = AGENT.instructions(CLINIC, SATURDAY, "en", True)
    assert "Saturday 2026-11-21, 10:00 in Africa/Nairobi" in text
    assert "word for word" in text
    assert "do not greet again" in text
    assert "{" not in text
    assert len(text) < 3_000


def test_instructions_follow_the_language_and_the_number() -> None:
    swahili = AGENT.instructions(CLINIC, SATURDAY, "sw", False)
    assert "You speak Swahili. You also speak English" in swahili
    assert "kusafisha meno" in swahili
    assert "number is withheld" in swahili
    alone = AGENT.instructions(replace(CLINIC, languages=("en",)), SATURDAY, "sw", True)
    assert "You speak English." in alone
    assert "also speak" not in alone
