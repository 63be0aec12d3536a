"""A model that does what it likes, at every agent: nothing that outlives a call changes without a read-back that was heard and answered.

The judge shares no rule with the product but the words of the law: a change needs a commit, in the same call, of a proposal that is
open and at most ninety seconds old, with the very arguments, after the read-back was heard to its last sample and a later caller turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea import agents
from pokea.toolkit import CallerTurn, Effect, Evidence, ToolResult, ToolSpec
from tests.fakes.conversation import Conversation, heard_and_answered
from tests.fakes.memory_store import MemoryStore
from tests.faults.broken import gates
from tests.properties.test_confirm_laws import BRIAN, evidences
from tests.support.scenes import SCENES, Scene, world
from tests.support.sizes import examples

LIFE_S = 90
WORDS = (
    "yes",
    "no",
    "please do it now",
    "this number",
    "1042",
    "4711",
    "Amina Otieno",
    "Brian Kamau",
    "Thursday at 10 am",
    "*",
    "",
)


def specs_of(line: Conversation) -> tuple[ToolSpec, ...]:
    return agents.get(line.agent).tools(line.profile)


# --- every agent is judged, and the scenes are not empty ---------------------------------------------------------------------------


def test_every_agent_that_proposes_has_a_scene() -> None:
    profile = SCENES["support"].begin().profile
    for name in set(agents.NAMES) - SCENES.keys():
        effects = {spec.effect for spec in agents.get(name).tools(profile)}
        assert not effects & {Effect.PROPOSE, Effect.COMMIT}, f"{name} needs a scene in tests/support/scenes.py"


@pytest.mark.parametrize("agent", SCENES)
def test_the_only_tool_that_commits_is_commit_proposal(agent: str) -> None:
    specs = specs_of(SCENES[agent].begin())
    assert [spec.name for spec in specs if spec.effect is Effect.COMMIT] == ["commitProposal"]


@pytest.mark.parametrize("agent", SCENES)
def test_every_proposing_tool_is_tried_and_every_wish_can_be_granted(agent: str) -> None:
    scene = SCENES[agent]
    tools = {spec.name for spec in specs_of(scene.begin()) if spec.effect is Effect.PROPOSE}
    assert {tool for tool, _ in scene.wishes} == tools
    for tool, arguments in scene.wishes:
        line = scene.begin()
        proposed = line.tool(tool, arguments)
        assert proposed.nonce, (tool, proposed.payload)
        before = world(line)
        line.commit(proposed)
        assert world(line) != before, tool


@pytest.mark.parametrize("agent", SCENES)
def test_proposed_arguments_are_text_and_declared(agent: str) -> None:
    scene = SCENES[agent]
    commit = next(spec for spec in specs_of(scene.begin()) if spec.effect is Effect.COMMIT)
    declared = cast(dict[str, Any], commit.parameters["properties"])["arguments"]["properties"]
    for tool, wish in scene.wishes:
        arguments = cast(dict[str, object], scene.begin().tool(tool, wish).payload["arguments"])
        assert arguments.keys() <= declared.keys()
        assert all(isinstance(value, str) for value in arguments.values())


# --- any script of a hostile model -------------------------------------------------------------------------------------------------


@dataclass
class Known:
    owner: int
    result: ToolResult
    born_s: float
    is_open: bool = True


@dataclass
class Judge:
    """Two calls in one store. `breaches`: what changed without a confirmation."""

    lines: list[Conversation]
    now_s: float = 0.0
    proposals: list[Known] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def propose(self, who: int, tool: str, arguments: dict[str, str]) -> None:
        before = world(self.lines[who])
        result = self.lines[who].tool(tool, arguments)
        self._must_be(before, f"{tool} changed something")
        for known in self.proposals:
            known.is_open = known.is_open and known.owner != who
        if result.nonce:
            self.proposals.append(Known(who, result, self.now_s))

    def other(self, who: int, tool: str, arguments: dict[str, str]) -> None:
        before = world(self.lines[who])
        self.lines[who].tool(tool, arguments)
        self._must_be(before, f"{tool} changed something")

    def wait(self, seconds: int) -> None:
        self.now_s += seconds
        self.lines[0].clock.advance(seconds)

    def commit(self, who: int, pick: int, kind: str, change: int, tool_call_id: str) -> None:
        if not self.proposals:
            return
        known = self.proposals[pick % len(self.proposals)]
        nonce, proposed = str(known.result.nonce), cast(dict[str, object], known.result.payload["arguments"])
        arguments = changed(proposed, change)
        evidence = heard_and_answered(nonce) if kind == "good" else evidences(nonce)[kind]
        is_alive = known.owner == who and known.is_open and self.now_s - known.born_s < LIFE_S
        before = world(self.lines[who])
        given = {"nonce": nonce, "arguments": arguments}
        result = self.lines[who].tool("commitProposal", given, evidence, tool_call_id)
        if not (is_alive and kind == "good" and arguments == proposed):
            self._must_be(before, f"committed after {kind!r} with change {change} by {who}")
        if is_alive:
            known.is_open = result.nonce is not None  # read back once more
            known.born_s = self.now_s

    def _must_be(self, before: object, breach: str) -> None:
        if world(self.lines[0]) != before:
            self.breaches.append(breach)


def changed(arguments: dict[str, object], change: int) -> dict[str, object]:
    """`arguments` with one thing altered; 0 alters nothing."""
    names = [name for name in arguments if name != "action"]
    first, last = names[0], names[-1]
    return [
        arguments,
        {**arguments, last: "something else"},
        {**arguments, first: f"{arguments[first]}1"},
        {name: value for name, value in arguments.items() if name != last},
        {**arguments, "action": "cancel"},
        {**arguments, "price": "1"},
        {},
    ][change]


def judged(scene: Scene, script: list[tuple[Any, ...]]) -> list[str]:
    line = scene.begin()
    judge = Judge([line, replace(line, a_number=BRIAN, session=f"{line.session}f")])
    for step, *details in script:
        getattr(judge, step)(*details)
    return judge.breaches


def arguments_of(spec: ToolSpec) -> st.SearchStrategy[dict[str, str]]:
    properties = cast(dict[str, dict[str, Any]], spec.parameters["properties"])
    values = {name: st.sampled_from(schema.get("enum") or WORDS) for name, schema in properties.items()}
    return st.fixed_dictionaries({}, optional=values)


def scripts(scene: Scene) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    whos = st.sampled_from([0, 0, 0, 1])
    kinds = st.sampled_from(["good", "good", "good", *evidences("n")])
    changes = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6])
    specs = specs_of(scene.begin())
    steps: list[st.SearchStrategy[tuple[Any, ...]]] = [
        st.tuples(st.just("propose"), whos, st.just(tool), st.just(dict(arguments))) for tool, arguments in scene.wishes
    ]
    for spec in specs:
        if spec.effect is Effect.COMMIT:
            continue
        step = "propose" if spec.effect is Effect.PROPOSE else "other"
        steps.append(st.tuples(st.just(step), whos, st.just(spec.name), arguments_of(spec)))
    commits = st.tuples(st.just("commit"), whos, st.integers(0, 5), kinds, changes, st.sampled_from(["t1", "t2", "t3"]))
    waits = st.tuples(st.just("wait"), st.sampled_from([1, 20, 45, 89, 95]))
    return st.lists(st.one_of(*steps, commits, commits, commits, waits), max_size=20)


@pytest.mark.parametrize("agent", SCENES)
@settings(max_examples=examples(25))
@given(data=st.data())
def test_no_script_of_a_hostile_model_changes_anything_unconfirmed(agent: str, data: st.DataObject) -> None:
    assert judged(SCENES[agent], data.draw(scripts(SCENES[agent]))) == []


# --- and the law is seen to be broken where a safeguard is missing -----------------------------------------------------------------


def attack(kind: str = "good", change: int = 0, who: int = 0, wait_s: int = 0) -> list[tuple[Any, ...]]:
    """After a proposal: a commit that the law forbids."""
    return [("wait", wait_s), ("commit", who, 0, kind, change, "t1")]


ATTACKS: dict[str, tuple[list[tuple[Any, ...]], Callable[[], AbstractContextManager[None]]]] = {
    "not heard": (attack("cut"), gates.hearing_skipped),
    "not answered": (attack("answered too early"), gates.answer_skipped),
    "changed": (attack(change=1), gates.changes_ignored),
    "old": (attack(wait_s=90), gates.never_old),
    "another call": (attack(who=1), gates.of_anybody),
}


@pytest.mark.parametrize("agent", SCENES)
@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_changes_nothing_and_is_seen_where_its_safeguard_is_missing(agent: str, name: str) -> None:
    script, build = ATTACKS[name]
    seen = 0
    for tool, arguments in SCENES[agent].wishes:
        whole = [("propose", 0, tool, dict(arguments)), *script]
        assert judged(SCENES[agent], whole) == []
        with build():
            seen += bool(judged(_shared(SCENES[agent]) if name == "another call" else SCENES[agent], whole))
    assert seen > 0


def _shared(scene: Scene) -> Scene:
    """The same scene over a store that finds a proposal in whatever call it was made."""

    def begin() -> Conversation:
        line = scene.begin()
        assert isinstance(line.store, MemoryStore)
        line.store.__class__ = gates.SharedNonces
        return line

    return Scene(begin, scene.wishes)


def test_turns_before_the_read_back_are_no_answer() -> None:
    """The evidence that the scripts call good is good, and only just: one turn later than the last sample."""
    evidence = heard_and_answered("n")
    assert evidence.read_back is not None
    assert evidence.caller_turns[0].started_at_ms >= cast(int, evidence.read_back.finished_at_ms)
    assert isinstance(evidence.caller_turns[0], CallerTurn)
    assert isinstance(evidence, Evidence)
