"""What is tried after which loss, and that the table of states is whole."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from bridge.core.engines import GEMINI, OPENAI, Engine
from bridge.core.frames import DropModel, Loss, ModelLost, ModelSetup, OpenModel
from bridge.core.model_life import FRESH_MS, RESUME_MS, TABLE, Change, Life, ModelLife, diagram

CASCADE = Engine("cascade")
SETUP = ModelSetup("", "Kore", "Be brief.")


def living(*engines: Engine) -> ModelLife:
    life = ModelLife(SETUP, engines or (GEMINI, OPENAI, CASCADE), 16_000)
    life.start()
    life.ready(1, 0.0)
    return life


def opened(commands: list[object]) -> tuple[str, str | None]:
    (order,) = [command for command in commands if isinstance(command, OpenModel)]
    return order.engine, order.setup.resume_handle


def fail(life: ModelLife, link: int, loss: Loss = Loss.NETWORK, now: float = 0.0) -> list[object]:
    return list(life.lost(ModelLost(link, 0, "", loss), now, lambda: " [brief]"))


def test_every_state_but_the_last_has_a_way_on() -> None:
    assert set(TABLE) == set(Life)
    assert all(TABLE[life] for life in Life if life is not Life.GONE)
    assert all(Change.EXHAUSTED in row for life, row in TABLE.items() if life is not Life.GONE)
    assert "ready --> rotating: replaced" in diagram()


def test_a_lost_session_is_resumed_then_begun_afresh_then_given_to_the_next_engine() -> None:
    life = living()
    life.knows_handle("h1")
    order = fail(life, 1)[0]
    assert isinstance(order, OpenModel)
    assert (order.engine, order.setup.resume_handle, order.timeout_ms) == ("gemini", "h1", RESUME_MS)
    assert order.setup.instructions == "Be brief."  # a resumed session remembers
    order = fail(life, 2)[0]
    assert isinstance(order, OpenModel)
    assert (order.engine, order.setup.resume_handle, order.timeout_ms) == ("gemini", None, FRESH_MS)
    assert order.setup.instructions == "Be brief. [brief]"
    order = fail(life, 3)[0]
    assert isinstance(order, OpenModel)
    assert (order.engine, order.setup.model, order.setup.input_hz) == ("openai", OPENAI.model, 24_000)
    assert opened(fail(life, 4)) == ("cascade", None)
    assert fail(life, 5, now=1_000.0) == []
    assert life.state is Life.WAITING
    assert life.deadline_ms(at_boundary=True, tool_runs=False) == 2_000.0
    assert opened(list(life.retry(str))) == ("gemini", None)


@pytest.mark.parametrize("loss", [Loss.OVERLOADED, Loss.REFUSED])
def test_an_engine_that_will_not_is_left_at_once(loss: Loss) -> None:
    life = living()
    life.knows_handle("h1")
    assert opened(fail(life, 1, loss)) == ("openai", None)
    life.ready(2, 0.0)
    assert life.engine is OPENAI


def test_a_poisoned_session_is_not_resumed() -> None:
    life = living()
    life.knows_handle("h1")
    assert opened(fail(life, 1, Loss.STATE)) == ("gemini", None)


def test_when_every_engine_refuses_nothing_more_is_tried() -> None:
    life = living(GEMINI, OPENAI)
    fail(life, 1, Loss.REFUSED)
    assert fail(life, 2, Loss.REFUSED) == []
    assert life.is_gone


def test_the_preferred_engine_is_not_returned_to_while_another_one_serves() -> None:
    life = living()
    fail(life, 1, Loss.OVERLOADED)
    life.ready(2, 0.0)
    assert opened(fail(life, 2)) == ("openai", None)
    life.ready(3, 0.0)
    assert opened(list(life.hand_over(str))) == ("openai", None)


def test_a_silent_model_is_replaced_by_a_fresh_one_and_then_by_another_engine_while_it_stands() -> None:
    life = living()
    assert opened(list(life.replace(str, other_engine=False))) == ("gemini", None)
    assert life.link == 1
    commands = life.replace(str, other_engine=True)
    assert commands[0] == DropModel(2)
    assert opened(list(commands)) == ("openai", None)
    taken, orders = life.ready(3, 0.0)
    assert taken is not None
    assert orders == [DropModel(1)]


def test_a_model_that_answers_after_all_is_kept() -> None:
    life = living()
    life.replace(str, other_engine=False)
    assert life.keep() == [DropModel(2)]
    assert (life.state, life.link) == (Life.READY, 1)
    life.hand_over(str)
    assert life.keep() == []  # a planned hand-over goes on whatever the old one says
    assert life.state is Life.ROTATING


def test_an_old_connection_waits_for_a_boundary_but_not_for_ever() -> None:
    life = living(replace(GEMINI, rotate_ms=10_000))
    assert life.deadline_ms(at_boundary=True, tool_runs=False) == 10_000
    assert life.deadline_ms(at_boundary=False, tool_runs=False) == 55_000
    assert life.deadline_ms(at_boundary=False, tool_runs=True) == 56_500
    life.going_away(9_500, 1_000.0)
    assert life.deadline_ms(at_boundary=False, tool_runs=False) == 8_000
    life.give_up()
    assert life.deadline_ms(at_boundary=True, tool_runs=False) == inf


def test_what_an_abandoned_connection_reports_is_ignored() -> None:
    life = living()
    fail(life, 1)
    fail(life, 2)
    assert life.ready(2, 0.0) == (None, [DropModel(2)])
    assert fail(life, 1) == []
    assert life.state is Life.RECOVERING


@pytest.mark.parametrize("loss", list(Loss))
def test_a_connection_that_ends_after_its_model_was_given_up_changes_nothing(loss: Loss) -> None:
    life = living()
    assert life.give_up() == []
    assert fail(life, 1, loss) == []
    assert (life.state, life.link) == (Life.GONE, 0)
