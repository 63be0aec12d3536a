"""A bridge and ECS's agent, over a real socket (F1.2: protection granted, refused, lost)."""

from __future__ import annotations

import pytest

from bridge.core.protection import EXPIRES_MINUTES
from bridge.shell.crew import Crew
from bridge.shell.protection import TaskProtection
from tests.support.ecs_agent import EcsAgent


async def test_a_task_with_calls_is_protected() -> None:
    async with EcsAgent() as agent:
        protection = TaskProtection(agent.uri, lambda: True, 0.01)
        protection.start()
        assert await agent.next() == {"ProtectionEnabled": True, "ExpiresInMinutes": EXPIRES_MINUTES}
        await protection.close()
        assert (len(agent.heard), protection.failures) == (1, 0)


@pytest.mark.parametrize("answer", ["blocked", "broken", "gone"])
async def test_a_refusal_is_counted_and_asked_again_and_costs_no_call(answer: str) -> None:
    async with EcsAgent() as agent:
        agent.answer = answer
        protection = TaskProtection(agent.uri, lambda: True, 0.01)
        protection.start()
        await agent.next()
        agent.answer = "granted"
        assert (await agent.next())["ProtectionEnabled"] is True
        await protection.close()
        assert (len(agent.heard), protection.failures) == (2, 1)


@pytest.mark.parametrize(("has_calls", "gives_back"), [(False, True), (True, False)])
async def test_a_bridge_that_leaves_gives_back_what_no_other_worker_needs(has_calls: bool, gives_back: bool) -> None:
    async with EcsAgent() as agent:
        calls = [True]
        protection = TaskProtection(agent.uri, lambda: calls[-1], 0.01)
        protection.start()
        await agent.next()
        calls.append(has_calls)
        await protection.close()
        assert ({"ProtectionEnabled": False} in agent.heard) is gives_back


async def test_an_idle_task_does_not_ask_for_anything() -> None:
    looks = 0

    def is_busy() -> bool:
        nonlocal looks
        looks += 1
        if looks == 20:
            agent.told.set()
        return False

    async with EcsAgent() as agent:
        protection = TaskProtection(agent.uri, is_busy, 0.001)
        protection.start()
        await agent.told.wait()
        await protection.close()
        assert agent.heard == []


async def test_when_the_worker_that_spoke_for_its_task_dies_the_next_one_protects_the_calls_of_the_others() -> None:
    crew = Crew(2)
    first, second = crew.place(0), crew.place(1)
    first.report_calls(1)
    second.report_calls(2)
    async with EcsAgent() as agent:
        dying = TaskProtection(agent.uri, lambda: first.calls_of_all() > 0, 0.01, first)
        staying = TaskProtection(agent.uri, lambda: second.calls_of_all() > 0, 0.01, second)
        dying.start()
        staying.start()
        assert (await agent.next())["ProtectionEnabled"] is True
        await dying.close()  # says nothing: the other worker has calls
        assert len(agent.heard) == 1
        crew.leave(0)
        assert (crew.calls(), second.is_first) == (2, True)
        assert (await agent.next())["ProtectionEnabled"] is True
        await staying.close()
        assert len(agent.heard) == 2


async def test_what_a_dead_worker_held_is_given_back_by_its_successor() -> None:
    crew = Crew(1)
    crew.place(0).take_word()
    crew.leave(0)
    successor = crew.place(0)
    async with EcsAgent() as agent:
        protection = TaskProtection(agent.uri, lambda: successor.calls_of_all() > 0, 0.01, successor)
        protection.start()
        assert await agent.next() == {"ProtectionEnabled": False}
        await protection.close()
        assert len(agent.heard) == 1
