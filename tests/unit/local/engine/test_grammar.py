"""The graphs are sound: every path from the start comes to the end, and says what the dialogue understands."""

from __future__ import annotations

from collections import defaultdict

import pytest

from local.engine.expectation import Expectation
from local.engine.grammar import END, START, Edge, edges, plain

SERVICES = ("cleaning", "check up")
GRAPHS = [(expectation, language) for expectation in Expectation for language in ("en", "sw")]


def reachable(graph: list[Edge], start: str, *, backwards: bool = False) -> set[str]:
    following = defaultdict(list)
    for edge in graph:
        source, target = (edge.target, edge.source) if backwards else (edge.source, edge.target)
        following[source].append(target)
    found, waiting = {start}, [start]
    while waiting:
        for state in following[waiting.pop()]:
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def accepts(graph: list[Edge], text: str) -> bool:
    """Whether some path from start to end says exactly these words."""
    waiting, seen = [(START, text)], set()
    while waiting:
        state, rest = waiting.pop()
        if (state, rest) in seen:
            continue
        seen.add((state, rest))
        if state == END and not rest:
            return True
        for edge in graph:
            if edge.source != state:
                continue
            if not edge.phrase:
                waiting.append((edge.target, rest))
            elif (rest + " ").startswith(edge.phrase + " "):
                waiting.append((edge.target, rest[len(edge.phrase) :].strip()))
    return False


@pytest.mark.parametrize(("expectation", "language"), GRAPHS)
def test_no_state_is_lost_and_none_is_a_dead_end(expectation: Expectation, language: str) -> None:
    graph = edges(expectation, language, SERVICES)
    states = {edge.source for edge in graph} | {edge.target for edge in graph}
    assert reachable(graph, START) == states == reachable(graph, END, backwards=True)


@pytest.mark.parametrize(("expectation", "language"), GRAPHS)
def test_weights_are_probabilities(expectation: Expectation, language: str) -> None:
    leaving: defaultdict[str, float] = defaultdict(float)
    for edge in edges(expectation, language, SERVICES):
        assert 0 < edge.weight <= 1
        leaving[edge.source] += edge.weight
    assert all(total < 1.5 for total in leaving.values())


@pytest.mark.parametrize(("expectation", "language"), GRAPHS)
def test_a_graph_without_services_stands_too(expectation: Expectation, language: str) -> None:
    assert reachable(edges(expectation, language, ()), START) >= {END}


@pytest.mark.parametrize(
    ("expectation", "text"),
    [
        (Expectation.OPEN, "i would like to book a cleaning next thursday at two thirty"),
        (Expectation.OPEN, "i would like to book an appointment for a check up tomorrow at nine"),
        (Expectation.OPEN, "i want to move my appointment to friday afternoon"),
        (Expectation.OPEN, "please cancel my appointment"),
        (Expectation.OPEN, "no that is all thank you goodbye"),
        (Expectation.YES_NO, "yes please"),
        (Expectation.YES_NO, "yes that is right"),
        (Expectation.YES_NO, "no thank you"),
        (Expectation.YES_NO, "no make it friday at ten"),
        (Expectation.NAME, "my name is grace wanjiru"),
        (Expectation.WHEN, "at ten in the morning"),
        (Expectation.WHEN, "quarter past three in the afternoon on friday"),
        (Expectation.SERVICE, "a check up"),
        (Expectation.CHOICE, "the second one"),
    ],
)
def test_what_callers_say_is_in_the_grammar_that_waits_for_it(expectation: Expectation, text: str) -> None:
    assert accepts(edges(expectation, "en", SERVICES), text)


@pytest.mark.parametrize(
    ("expectation", "text"),
    [
        (Expectation.OPEN, "nataka kuweka miadi ya cleaning kesho saa tatu asubuhi"),
        (Expectation.WHEN, "jumatano saa kumi na moja na nusu jioni"),
        (Expectation.WHEN, "alhamisi ijayo saa nne asubuhi"),
        (Expectation.YES_NO, "ndio tafadhali"),
        (Expectation.NAME, "jina langu ni daniel otieno"),
    ],
)
def test_swahili_callers_are_understood_too(expectation: Expectation, text: str) -> None:
    assert accepts(edges(expectation, "sw", SERVICES), text)


def test_an_hour_alone_after_a_day_is_not_a_time() -> None:
    """ "Saturday" ends like "Saturday eight" begins: without "at" the hour would be heard where none was said."""
    assert not accepts(edges(Expectation.WHEN, "en", ()), "saturday eight")
    assert accepts(edges(Expectation.WHEN, "en", ()), "saturday at eight")


def test_written_names_become_spoken_words() -> None:
    assert plain("Check-up, please!") == "check up please"
    assert plain("kung'arisha Meno") == "kung'arisha meno"
