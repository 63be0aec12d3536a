"""What Pokea costs to run: a minute of a call, a month without calls, and 10 to 100,000 calls at once. `bench.cost_page` tells it.

Nothing here was billed by anybody. What a call does was counted on the local stack, prices are list prices (bench/list_prices.toml), and
how many calls a vCPU holds comes from docs/performance.md; the rest is multiplication.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from pokea.billing.exchange import packaged_exchange
from pokea.billing.model_cost import model_cost
from pokea.billing.model_prices import packaged_prices
from pokea.billing.rate_deck import packaged_deck
from pokea.billing.rules import DEFAULT_DECK
from pokea.billing.usage import Meter, ModelUsage

PRICES = Path(__file__).with_name("list_prices.toml")
AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
MODEL = "gemini-3.8-live"
MONTH_H = 730
CALLS = (10, 100, 1_000, 10_000, 100_000)

# --- what one call does: an inbound booking on the local stack, counted at the AWS clients; hooks as the documented carrier sends them


@dataclass(frozen=True, slots=True)
class Work:
    """One function's part in a call: invocations, its memory, and how long one is reckoned to take when warm."""

    function: str
    times: int
    memory_mb: int
    took_ms: int


WORK: tuple[Work, ...] = (
    Work("voice", 3, 1_769, 30),
    Work("stream_status", 5, 1_024, 30),
    Work("tools", 5, 1_769, 80),
    Work("records", 1, 1_024, 1_500),  # it waits for the model that writes the summary
    Work("cdr", 5, 1_024, 300),
    Work("settler", 3, 1_024, 60),
)
HTTP_REQUESTS = 8
WRITE_UNITS = 112 + 3  # two counts of the ring and a seat, which came later
READ_UNITS = 97 + 2  # the row, before the ring is counted, and the boards of up to 30 workers
SQS_REQUESTS = 34  # sent, received and deleted; without receives that find nothing
EVENTS = 2
LOG_KB = 12
KEPT_KB = 30  # in the tables

# --- what a minute of it moves: PCM of 16 kHz both ways with the carrier, the same as base64 in JSON to the model

CARRIER_MB = Decimal("1.92")  # one way
MODEL_MB = Decimal("2.62")  # to the model; what comes from there costs nothing
RECORDING_MB = Decimal("3.84")  # both sides

# --- how many calls a vCPU holds

MEASURED = 200  # calls on one core with the caller's audio at most 5 ms late (docs/performance.md)
SLOTS = 100  # a vCPU of Fargate is half a core at worst: two hyperthreads share one
BUSY_PERCENT = 50  # of the slots, which is what the service scales to
TASK_VCPU, TASK_GB = 4, 8
DEV_VCPU, DEV_GB = Decimal("0.5"), Decimal(1)  # of the one task that DevMode runs
LEAST_TASKS = 2

BEAT_S, BEAT_MS, BEAT_WRITES = 10, 20, 5  # of each worker, as long as it has few calls
METRICS = 14  # seven, by release and in all; six more of turns come with the first call of a month
EDGE_RULES = 4  # of edge.yaml
IDLE_RUN_MS, IDLE_READS = 200, 20  # of a function that finds nothing to do
TOOLS_MB = 1_769

TURN_S, PROMPT, TRANSCRIPTS = 15, 3_000, 40  # of the model of a call in docs/model-costs.md
TOKENS_S = 25


@cache
def prices() -> Mapping[str, Decimal]:
    return {name: Decimal(row["value"]) for name, row in price_file()["price"].items()}


@cache
def price_file() -> Mapping[str, Any]:
    return tomllib.loads(PRICES.read_text(encoding="utf-8"))


# --- one call ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    how: str
    dollars: Decimal


def lambda_dollars(works: Iterable[Work]) -> Decimal:
    price = prices()
    spent = sum((Decimal(one.times * one.took_ms * one.memory_mb) / 1_024_000 for one in works), Decimal(0))
    return spent * price["lambda_gb_s"] + invocations(works) * price["lambda_million"] / 1_000_000


def invocations(works: Iterable[Work]) -> int:
    return sum(one.times for one in works)


def control_plane() -> list[Line]:
    """The parts of a call that do not depend on its length."""
    price, million = prices(), 1_000_000
    return [
        Line("Lambda", f"{invocations(WORK)} invocations", lambda_dollars(WORK)),
        Line("HTTP API", f"{HTTP_REQUESTS} hooks", HTTP_REQUESTS * price["http_million"] / million),
        Line("DynamoDB writes", f"{WRITE_UNITS} units", WRITE_UNITS * price["write_million"] / million),
        Line("DynamoDB reads", f"{READ_UNITS} units", READ_UNITS * price["read_million"] / million),
        Line("SQS", f"{SQS_REQUESTS} requests", SQS_REQUESTS * price["sqs_million"] / million),
        Line("EventBridge", f"{EVENTS} events", EVENTS * price["event_million"] / million),
        Line("logs", f"{LOG_KB} KB", LOG_KB * price["log_gb"] / million),
        Line(
            "a year in the tables",
            f"{KEPT_KB} KB",
            KEPT_KB * 12 * (price["table_gb"] + price["pitr_gb"]) / million,
        ),
    ]


def media_minute() -> list[Line]:
    """The parts that a minute costs."""
    price = prices()
    held = Decimal(SLOTS * BUSY_PERCENT) / 100  # calls on a vCPU
    vcpu_hour = price["vcpu_hour"] + price["gb_hour"] * TASK_GB / TASK_VCPU
    return [
        Line("bridge", f"{held:.0f} calls a vCPU", vcpu_hour / held / 60),
        Line("load balancer", f"{2 * CARRIER_MB} MB", 2 * CARRIER_MB / 1_000 * price["lcu_hour"]),
        Line("traffic out", f"{CARRIER_MB + MODEL_MB} MB", (CARRIER_MB + MODEL_MB) / 1_000 * price["egress_gb"]),
    ]


def total(lines: Iterable[Line]) -> Decimal:
    return sum((line.dollars for line in lines), Decimal(0))


def model_dollars(minutes: int) -> Decimal:
    """Of a whole call, whose context is billed again with every turn (docs/model-costs.md)."""
    turns = minutes * 60 // TURN_S
    heard = [TOKENS_S * 9 + TOKENS_S * TURN_S * earlier for earlier in range(turns)]
    meters = {
        Meter.TEXT_IN: PROMPT * turns,
        Meter.AUDIO_IN: sum(heard),
        Meter.TEXT_OUT: TRANSCRIPTS * turns,
        Meter.AUDIO_OUT: TOKENS_S * 6 * turns,
    }
    usage = ModelUsage("gemini", MODEL, meters, turns)
    cost = model_cost((usage,), AT, packaged_prices(), packaged_exchange(), "USD")
    if cost.micros is None:
        raise SystemExit(f"cost sheet: {cost.unpriced}")
    return Decimal(cost.micros) / 1_000_000


def shilling_dollars() -> Decimal:
    rate = packaged_exchange().rate("KES", AT)
    if rate is None:
        raise SystemExit("cost sheet: no exchange rate for KES")
    return Decimal(1_000_000) / Decimal(rate.converted(1_000_000))


def carrier_dollars_minute(direction: str) -> Decimal:
    """The leg and the media stream of one minute, by the default price list."""
    rows = {row.direction.value: row for row in packaged_deck(DEFAULT_DECK).rows}
    shillings = Decimal(rows[direction].per_minute_micros + rows["stream"].per_minute_micros) / 1_000_000
    return shillings * shilling_dollars()


# --- many calls --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """So many calls at once, each of `minutes`."""

    calls: int
    minutes: int

    @property
    def starts_s(self) -> Decimal:
        return Decimal(self.calls) / (60 * self.minutes)

    @property
    def tasks(self) -> int:
        return max(LEAST_TASKS, math.ceil(self.calls * 100 / (SLOTS * BUSY_PERCENT * TASK_VCPU)))

    @property
    def invocations_s(self) -> Decimal:
        return self.starts_s * invocations(WORK)

    @property
    def concurrency(self) -> int:
        """Lambdas at work at once."""
        return math.ceil(self.starts_s * sum(one.times * one.took_ms for one in WORK) / 1_000)

    @property
    def writes_s(self) -> Decimal:
        return self.starts_s * WRITE_UNITS

    @property
    def egress_mbit(self) -> Decimal:
        return self.calls * (CARRIER_MB + MODEL_MB) * 8 / 60

    @property
    def dollars_h(self) -> Decimal:
        """What AWS takes in an hour that is as full as this from its first to its last minute."""
        price = prices()
        tasks = self.tasks * (TASK_VCPU * price["vcpu_hour"] + TASK_GB * price["gb_hour"] + price["ipv4_hour"])
        traffic = total(media_minute()[1:]) * self.calls * 60
        return tasks + price["alb_hour"] + traffic + total(control_plane()) * self.starts_s * 3_600


# --- nobody calls ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A function that runs by the clock: so often a month, with nothing to do."""

    runs: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands there day and night, by the template."""

    alarms: int
    queues: int  # that a function polls
    schedules: tuple[Scheduled, ...]
    task_vcpu: Decimal
    task_gb: Decimal
    tasks: int
    has_balancer: bool


def standings_of(template: Mapping[str, Any]) -> tuple[Standing, Standing]:
    """What the template puts up with its defaults and one generation of the bridge; and the same with DevMode."""
    resources, parameters = template["Resources"].values(), template["Parameters"]
    edge_alone = "AdmitsTheEdgeAlone"  # off by default, as the edge is
    alarms = sum(one["Type"] == "AWS::CloudWatch::Alarm" and one.get("Condition") != edge_alone for one in resources)
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Serverless::Function"]
    kinds = [(event, one["MemorySize"]) for one in functions for event in one.get("Events", {}).values()]
    queues = sum(event["Type"] == "SQS" for event, _ in kinds)
    schedules = tuple(
        Scheduled(runs_a_month(event["Properties"]["Schedule"]), memory_mb)
        for event, memory_mb in kinds
        if event["Type"] == "Schedule"
    )
    cpu = parameters["BridgeCpu"]["Default"]
    size_gb = Decimal(template["Mappings"]["BridgeSizes"][cpu]["Memory"]) / 1_024
    tasks = int(parameters["BridgeMinTasks"]["Default"])
    usual = Standing(alarms, queues, schedules, Decimal(cpu) / 1_024, size_gb, tasks, has_balancer=True)
    dev = replace(usual, task_vcpu=DEV_VCPU, task_gb=DEV_GB, tasks=1)
    return usual, dev


def runs_a_month(schedule: str) -> int:
    """Of rate(…) and of the two kinds of cron(…) that the template has: each hour and each day."""
    if rate := re.fullmatch(r"rate\((\d+) minutes?\)", schedule):
        return MONTH_H * 60 // int(rate[1])
    if re.fullmatch(r"cron\(\d+ \* \* \* \? \*\)", schedule):
        return MONTH_H
    if re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", schedule):
        return MONTH_H // 24
    raise ValueError(f"cost sheet: how often is {schedule}?")


def idle(standing: Standing) -> list[Line]:
    price = prices()
    task = (standing.task_vcpu * price["vcpu_hour"] + standing.task_gb * price["gb_hour"]) * MONTH_H
    addresses = standing.tasks + (2 if standing.has_balancer else 0)
    polls = standing.queues * 5 * 3 * 60 * MONTH_H  # five pollers that wait 20 s
    balancer = [Line("load balancer", "1", price["alb_hour"] * MONTH_H)] if standing.has_balancer else []
    return [
        Line("bridge", f"{standing.tasks} × {standing.task_vcpu} vCPU, {standing.task_gb} GB", standing.tasks * task),
        *balancer,
        Line("public addresses", f"{addresses}", addresses * price["ipv4_hour"] * MONTH_H),
        Line("alarms", f"{standing.alarms}", standing.alarms * price["alarm_month"]),
        Line("queues that are polled", f"{standing.queues}", polls * price["sqs_million"] / 1_000_000),
        Line(*_by_the_clock(standing.schedules)),
        *_of_bridges(standing),
        Line("secret", "1", price["secret_month"]),
    ]


def options() -> list[Line]:
    """What a month of each option costs on top, and for the edge a call."""
    price = prices()
    acl = price["waf_acl_month"] + EDGE_RULES * price["waf_rule_month"]
    by_edge = HTTP_REQUESTS * (price["waf_million"] + price["edge_million"]) / 1_000_000
    return [
        Line("`CustomerKey=on`", "one key, a month", price["kms_key_month"]),
        Line("`Edge=on` or `only`", f"web ACL with {EDGE_RULES} rules, a month", acl),
        Line("", f"{HTTP_REQUESTS} hooks by the edge, a call", by_edge),
    ]


def _by_the_clock(schedules: Iterable[Scheduled]) -> tuple[str, str, Decimal]:
    found = list(schedules)
    works = [Work("", one.runs, one.memory_mb, IDLE_RUN_MS) for one in found]
    runs = sum(one.runs for one in found)
    reads = runs * IDLE_READS * prices()["read_million"] / 1_000_000
    return f"{len(found)} schedules", f"{runs:,} runs of {IDLE_RUN_MS} ms", lambda_dollars(works) + reads


def _of_bridges(standing: Standing) -> list[Line]:
    """What tells that a bridge lives: its beats, and its metrics."""
    price, workers = prices(), standing.tasks * max(1, int(standing.task_vcpu))
    if not workers:
        return []
    beats = workers * MONTH_H * 3_600 // BEAT_S
    spent = lambda_dollars([Work("tools", beats, TOOLS_MB, BEAT_MS)])
    spent += beats * BEAT_WRITES * price["write_million"] / 1_000_000
    return [
        Line("beats of the bridge", f"{beats:,}, {BEAT_WRITES} write units each", spent),
        Line("metrics of the bridge", f"{METRICS}", METRICS * price["metric_month"]),
    ]
