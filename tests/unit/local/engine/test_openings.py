"""How callers begin: every phrase leads where its table says, and can be heard."""

from __future__ import annotations

import pytest

from bench.recognition import COMMON_TOOLS, PEOPLE, TOOLS
from local.engine.expectation import Expectation
from local.engine.grammar import END, START, edges
from local.engine.lexicon import is_english
from local.engine.openings import OPENINGS, PERSON, WHEN, Opening, find
from local.engine.subject import Subject
from tests.unit.local.engine.test_grammar import accepts, reachable

EVERYTHING = Subject(frozenset(one.tool for one in OPENINGS), people={"office": ("office", "ofisi")})
SAID = [
    (opening, language, phrase.replace(WHEN, "kesho" if language == "sw" else "tomorrow").replace(PERSON, name))
    for opening in OPENINGS
    for language, name in (("en", "office"), ("sw", "ofisi"))
    for phrase in opening.phrases[language]
]
GRAPHS = [(agent, expectation, language) for agent in TOOLS for expectation in Expectation for language in ("en", "sw")]


@pytest.mark.parametrize(("opening", "language", "words"), SAID, ids=[words.replace(" ", "-") for *_, words in SAID])
def test_a_phrase_leads_to_its_own_tool_and_is_heard(opening: Opening, language: str, words: str) -> None:
    found = find(words, EVERYTHING, language)
    assert found is not None
    assert found.tool == opening.tool
    assert dict(opening.arguments).items() <= dict(found.arguments).items()
    names = ("office",) if language == "en" else ("ofisi",)
    assert accepts(edges(Expectation.OPEN, language, (), (opening.tool,), names), words)
    assert language == "sw" or is_english(words)


def test_only_what_may_always_be_asked_is_understood_while_free_words_are_awaited() -> None:
    assert find("where is my parcel", EVERYTHING, "en", always=True) is None
    found = find("take me off your list", EVERYTHING, "en", always=True)
    assert found is not None and found.tool == "optOut"


def test_the_slots_fill_arguments_of_their_own() -> None:
    found = find("please connect me to the office", EVERYTHING, "en")
    assert found is not None and found.arguments["department"] == "office"
    found = find("are you open on saturday", EVERYTHING, "en")
    assert found is not None and found.arguments == {"when": "on saturday"}


@pytest.mark.parametrize(("agent", "expectation", "language"), GRAPHS)
def test_the_graphs_of_every_agent_are_sound(agent: str, expectation: Expectation, language: str) -> None:
    tools = (*COMMON_TOOLS, *TOOLS[agent])
    services = ("cleaning",) if agent == "booking" else ()
    graph = edges(expectation, language, services, tools, PEOPLE[language])
    if not graph:
        return  # nobody asks that there
    states = {edge.source for edge in graph} | {edge.target for edge in graph}
    assert reachable(graph, START) == states == reachable(graph, END, backwards=True)
    assert sum(edge.weight for edge in graph if edge.source == START) < 1.6
