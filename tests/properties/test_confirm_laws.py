"""F3.6, F3.7: a model that does what it likes writes nothing without a confirmation that the bridge attests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.ids import Nonce
from pokea.phone_numbers import E164
from pokea.toolkit import CallerTurn, Evidence, ReadBack, ToolResult
from tests.fakes.conversation import AMINA, READ_BACK_MS, Conversation, heard_and_answered
from tests.fakes.memory_store import MemoryStore
from tests.support.sizes import examples

BRIAN = E164("+254733000222")
DONE = ("booked", "moved", "cancelled")
WISHES = (
    "Thursday at 10 am",
    "Thursday at 10:15 am",
    "Thursday at 2 pm",
    "Friday at 9 am",
    "Sunday at 9 am",
    "whenever",
)
START_MS = 4_000


def heard(nonce: str, **changes: object) -> ReadBack:
    whole = ReadBack(Nonce(nonce), START_MS, READ_BACK_MS, READ_BACK_MS, START_MS + READ_BACK_MS)
    return replace(whole, **changes)  # type: ignore[arg-type]


def evidences(nonce: str) -> dict[str, Evidence]:
    """What a bridge may attest when things did not go as they must."""
    end = START_MS + READ_BACK_MS
    yes = (CallerTurn(end + 300, end + 900),)
    at = end + 1_500
    return {
        "nothing": Evidence(),
        "nothing heard": Evidence(at, None, yes),
        "another read-back": Evidence(at, heard("other"), yes),
        "cut": Evidence(at, heard(nonce, heard_ms=READ_BACK_MS - 20, finished_at_ms=None), yes),
        "finished but short": Evidence(at, heard(nonce, heard_ms=READ_BACK_MS - 20), yes),
        "never started": Evidence(at, heard(nonce, started_at_ms=None), yes),
        "empty": Evidence(at, heard(nonce, generated_ms=0, heard_ms=0), yes),
        "no answer": Evidence(at, heard(nonce), ()),
        "answered too early": Evidence(at, heard(nonce), (CallerTurn(end - 1, end + 900),)),
        "still speaking": Evidence(at, heard(nonce), (CallerTurn(end + 300, None),)),
        "speaking past the commit": Evidence(at, heard(nonce), (CallerTurn(end + 300, at + 1),)),
    }


def changes_of(arguments: dict[str, object]) -> list[dict[str, object]]:
    return [
        {**arguments, "name": "Eve Mallory"},
        {**arguments, "starts_at": "2026-11-26T16:00"},
        {**arguments, "action": "cancel"},
        {**arguments, "reference": "A1"},
        {key: value for key, value in arguments.items() if key != "starts_at"},
        {},
    ]


def status(result: ToolResult) -> str:
    return cast(str, result.payload["status"])


def snapshot(call: Conversation) -> object:
    assert isinstance(call.store, MemoryStore)
    return sorted(call.store.all_appointments(), key=lambda a: a.appointment_id)


wishes = st.sampled_from(WISHES[:4])
names = st.sampled_from(["Amina Otieno", "Zawadi", "Mary Ann"])


# --- six attacks, two hundred times each -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ["unconfirmed", "too early", "changed", "reused", "old", "another call"])
@settings(max_examples=examples(20, 500))
@given(wish=wishes, name=names, data=st.data())
def test_no_attack_on_the_gate_writes_anything(attack: str, wish: str, name: str, data: st.DataObject) -> None:
    call = Conversation()
    proposed = call.propose(wish, name=name)
    nonce, arguments = str(proposed.nonce), cast(dict[str, object], proposed.payload["arguments"])
    given_arguments, evidence, caller = dict(arguments), heard_and_answered(nonce), call
    if attack == "unconfirmed":
        evidence = Evidence()
    elif attack == "too early":
        evidence = data.draw(st.sampled_from(list(evidences(nonce).values())))
    elif attack == "changed":
        given_arguments = data.draw(st.sampled_from(changes_of(arguments)))
    elif attack == "reused":
        assert status(call.commit(proposed)) == "booked"
    elif attack == "old":
        call.clock.advance(data.draw(st.integers(90, 100_000)))
    else:
        caller = call.called_by(data.draw(st.sampled_from([AMINA, BRIAN, None])))
    before = snapshot(call)
    for _ in range(data.draw(st.integers(1, 3))):
        result = caller.tool("commitProposal", {"nonce": nonce, "arguments": given_arguments}, evidence)
        assert status(result) == "refused"
    assert snapshot(call) == before


@given(wishes, st.integers(0, READ_BACK_MS - 1))
def test_a_read_back_cut_anywhere_commits_nothing(wish: str, heard_ms: int) -> None:
    call = Conversation()
    proposed = call.propose(wish)
    nonce = str(proposed.nonce)
    cut = Evidence(20_000, heard(nonce, heard_ms=heard_ms, finished_at_ms=None), (CallerTurn(15_000, 16_000),))
    assert call.commit(proposed, cut).payload["code"] == "not_heard"
    assert snapshot(call) == []


# --- any script at all -----------------------------------------------------------------------------------------------------------


@dataclass
class Known:
    """What the judge remembers of one proposal; it shares no rule with the product but the words of the law."""

    owner: int
    result: ToolResult
    born_s: float
    is_open: bool = True
    used_by: str | None = None


@dataclass
class Judge:
    """Two calls at one desk, and what may happen in them."""

    calls: list[Conversation]
    now_s: float = 0.0
    proposals: list[Known] = field(default_factory=list)

    def propose(self, who: int, tool: str, wish: str) -> None:
        name = ("Amina Otieno", "Brian Kamau")[who]
        arguments = {"name": name}
        if tool != "proposeCancel":
            arguments["when"] = wish
        if tool == "proposeBooking":
            arguments["service"] = "cleaning"
        before = snapshot(self.calls[who])
        result = self.calls[who].tool(tool, arguments)
        assert snapshot(self.calls[who]) == before, "a proposal changed an appointment"
        for known in self.proposals:
            known.is_open = known.is_open and known.owner != who
        if status(result) == "proposed":
            self.proposals.append(Known(who, result, self.now_s))

    def wait(self, seconds: int) -> None:
        self.now_s += seconds
        self.calls[0].clock.advance(seconds)

    def commit(self, who: int, pick: int, kind: str, change: int | None, tool_call_id: str) -> None:
        if not self.proposals:
            return
        known = self.proposals[pick % len(self.proposals)]
        nonce = str(known.result.nonce)
        proposed = cast(dict[str, object], known.result.payload["arguments"])
        arguments = proposed if change is None else changes_of(proposed)[change]
        evidence = heard_and_answered(nonce) if kind == "good" else evidences(nonce)[kind]
        before = snapshot(self.calls[who])
        result = self.calls[who].tool(
            "commitProposal", {"nonce": nonce, "arguments": arguments}, evidence, tool_call_id
        )
        is_alive = known.owner == who and known.is_open and self.now_s - known.born_s < 90
        may_write = is_alive and arguments == proposed and kind == "good"
        if not may_write:
            assert snapshot(self.calls[who]) == before, "written without confirmation"
            is_retry = known.owner == who and known.used_by == tool_call_id
            assert (status(result) in DONE) == is_retry
        if status(result) in DONE and may_write:
            assert snapshot(self.calls[who]) != before
            known.is_open, known.used_by = False, tool_call_id
        elif is_alive:
            known.is_open = result.nonce is not None
            known.born_s = self.now_s


picks = st.integers(0, 5)
whos = st.integers(0, 1)
proposes = st.tuples(
    st.just("propose"),
    whos,
    st.sampled_from(["proposeBooking", "proposeMove", "proposeCancel"]),
    st.sampled_from(WISHES),
)
waits = st.tuples(st.just("wait"), st.sampled_from([1, 20, 45, 61, 89, 95]))
commits = st.tuples(
    st.just("commit"),
    whos,
    picks,
    st.sampled_from(["good", "good", "good", *evidences("n")]),
    st.none() | st.integers(0, 5),
    st.sampled_from(["t1", "t2", "t3"]),
)


@settings(max_examples=examples(30, 750))
@given(st.lists(st.one_of(proposes, commits, commits, waits), max_size=25))
def test_any_script_of_two_hostile_models_keeps_the_law(script: list[tuple[object, ...]]) -> None:
    amina = Conversation()
    judge = Judge([amina, amina.called_by(BRIAN)])
    for step, *details in script:
        getattr(judge, cast(str, step))(*details)
    assert isinstance(amina.store, MemoryStore)
    assert all(len(slot.takers) <= 1 for slot in amina.store.all_slots())


@settings(max_examples=examples(40, 1_000))
@given(st.integers(0, 120), st.integers(0, 120), st.booleans(), st.booleans())
def test_holds_that_lapse_while_confirming_never_have_two_owners(
    until_brian: int, until_commit: int, does_brian_commit: bool, does_amina_reread: bool
) -> None:
    amina = Conversation()
    mine = amina.propose("Thursday at 10 am")
    brian = amina.called_by(BRIAN)
    if does_amina_reread:
        amina.commit(mine, Evidence())
    amina.clock.advance(until_brian)
    theirs = brian.propose("Thursday at 10:15 am", name="Brian Kamau")
    assert (status(theirs) == "proposed") == (until_brian >= 60)
    has_brian = status(theirs) == "proposed" and does_brian_commit and status(brian.commit(theirs)) == "booked"
    amina.clock.advance(until_commit)
    done = amina.commit(mine)
    is_old = until_brian + until_commit >= 90
    is_held_by_brian = status(theirs) == "proposed" and (has_brian or until_commit < 60)
    assert (status(done) == "booked") == (not is_old and not is_held_by_brian)
    assert isinstance(amina.store, MemoryStore)
    assert len(amina.store.all_appointments()) == has_brian + (status(done) == "booked") <= 1
    assert all(len(slot.takers) <= 1 for slot in amina.store.all_slots())
