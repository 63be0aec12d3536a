"""The cost sheet multiplies rightly, with the memory that the template gives and the prices that ship."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bench.cost_page import money
from bench.cost_sheet import (
    BUSY_PERCENT,
    SLOTS,
    TASK_VCPU,
    WORK,
    Scale,
    Standing,
    Work,
    carrier_dollars_minute,
    idle,
    lambda_dollars,
    model_dollars,
    runs_a_month,
    shilling_dollars,
    standings_of,
    total,
)
from local.gateway_template import functions_of, read_template

TEMPLATE = Path(__file__).resolve().parents[3] / "template.yaml"
HANDLERS = {work.function: f"functions.{work.function}.app.handler" for work in WORK}


def test_each_function_is_reckoned_with_the_memory_that_the_template_gives_it() -> None:
    given = {function.handler: function.memory_mb for function in functions_of(read_template(TEMPLATE))}
    assert {work.function: work.memory_mb for work in WORK} == {name: given[way] for name, way in HANDLERS.items()}


def test_the_bridge_is_reckoned_with_the_slots_that_the_template_gives_it() -> None:
    parameters = read_template(TEMPLATE)["Parameters"]
    assert tuple(parameters[name]["Default"] for name in ("BridgeCalls", "BridgeTarget")) == (SLOTS, BUSY_PERCENT)


def test_what_stands_by_is_what_the_template_puts_up() -> None:
    usual, dev = standings_of(read_template(TEMPLATE))
    assert (usual.tasks, usual.task_vcpu, usual.task_gb) == (2, 1, 2)
    assert usual.queues == TEMPLATE.read_text(encoding="utf-8").count("Type: SQS\n")
    assert total(idle(dev)) < total(idle(usual)) * 2 / 3


def test_a_function_costs_its_gigabyte_seconds_and_its_requests() -> None:
    a_minute_of_two_gigabytes = Work("any", 60, 2_048, 1_000)
    assert lambda_dollars([a_minute_of_two_gigabytes]) == 120 * Decimal("0.0000133334") + 60 * Decimal("0.0000002")


def test_the_models_part_is_that_of_the_published_call() -> None:
    assert model_dollars(5) == Decimal("0.311850")  # docs/model-costs.md
    assert model_dollars(10) / 10 > model_dollars(3) / 3  # the context is billed again with every turn


def test_the_carriers_part_is_the_leg_and_the_stream() -> None:
    assert carrier_dollars_minute("outbound") == Decimal("3.50") * shilling_dollars()
    assert carrier_dollars_minute("inbound") == Decimal("0.50") * shilling_dollars()


@pytest.mark.parametrize(("calls", "tasks"), [(1, 2), (400, 2), (401, 3), (10_000, 50)])
def test_tasks_hold_the_calls_with_room_for_a_minute_of_new_ones(calls: int, tasks: int) -> None:
    assert Scale(calls, 3).tasks == tasks
    assert Scale(calls, 3).tasks * TASK_VCPU * 50 >= calls


def test_calls_that_last_longer_begin_less_often() -> None:
    assert (Scale(180, 3).starts_s, Scale(180, 6).starts_s) == (1, Decimal("0.5"))


def test_a_stack_that_stands_by_costs_its_hours() -> None:
    alone = Standing(
        alarms=0, queues=0, schedules=(), task_vcpu=Decimal(0), task_gb=Decimal(0), tasks=0, has_balancer=False
    )
    more = Standing(
        alarms=10, queues=0, schedules=(), task_vcpu=Decimal(1), task_gb=Decimal(2), tasks=1, has_balancer=True
    )
    a_task = (Decimal("0.03238") + 2 * Decimal("0.00356")) * 730
    its_balancer = (Decimal("0.0225") + 3 * Decimal("0.005")) * 730
    beats = 262_800
    its_beats = lambda_dollars([Work("tools", beats, 1_769, 20)]) + beats * 5 * Decimal("0.000000625")
    assert total(idle(more)) - total(idle(alone)) == a_task + its_balancer + 1 + its_beats + Decimal("4.2")


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [("rate(1 minute)", 43_800), ("rate(5 minutes)", 8_760), ("cron(10 * * * ? *)", 730), ("cron(30 1 * * ? *)", 30)],
)
def test_schedules_are_counted_as_the_template_writes_them(schedule: str, runs: int) -> None:
    assert runs_a_month(schedule) == runs


def test_a_schedule_that_nobody_can_count_is_no_zero() -> None:
    with pytest.raises(ValueError, match="how often"):
        runs_a_month("cron(0 9 ? * MON-FRI *)")


@pytest.mark.parametrize(
    ("dollars", "written"), [("1234.5", "1,234"), ("12.346", "12.35"), ("0.0712", "0.071"), ("0.00005", "0.00005")]
)
def test_small_sums_keep_the_digits_that_show_something(dollars: str, written: str) -> None:
    assert money(Decimal(dollars)) == written
