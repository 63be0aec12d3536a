"""docs/cost.md, drawn from `bench.cost_sheet`: `python -m tests.house.docs --write` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bench.cost_sheet import (
    BUSY_PERCENT,
    CALLS,
    HTTP_REQUESTS,
    MEASURED,
    MODEL,
    RECORDING_MB,
    SLOTS,
    TASK_GB,
    TASK_VCPU,
    WORK,
    WRITE_UNITS,
    Line,
    Scale,
    Standing,
    carrier_dollars_minute,
    control_plane,
    idle,
    media_minute,
    model_dollars,
    options,
    price_file,
    prices,
    shilling_dollars,
    standings_of,
    total,
)

MINUTES = 3
Rows = Iterable[Sequence[str]]


def page(template: Mapping[str, Any]) -> str:
    """`template`: template.yaml as plain data."""
    usual, dev = standings_of(template)
    parts = [_INTRO, _minute(), _call(), _idle(usual, dev), _many(), _limits(), _prices(), _NOT_KNOWN]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def money(dollars: Decimal) -> str:
    """With as many digits as show something."""
    if dollars >= 100:
        return f"{dollars:,.0f}"
    if dollars >= 1:
        return f"{dollars:.2f}"
    return f"{dollars:.3f}" if dollars >= Decimal("0.05") else f"{dollars:.5f}"


def table(head: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _lines(lines: Sequence[Line], whole: str) -> str:
    rows = [(line.what, line.how, money(line.dollars)) for line in lines]
    return table(("", "", "$"), [*rows, (f"**{whole}**", "", f"**{money(total(lines))}**")])


def _minute() -> str:
    model = model_dollars(MINUTES) / MINUTES
    aws = total(media_minute()) + total(control_plane()) / MINUTES
    rows = []
    for direction in ("inbound", "outbound"):
        carrier = carrier_dollars_minute(direction)
        whole = carrier + model + aws
        shillings = whole / shilling_dollars()
        rows.append((direction, money(carrier), money(model), money(aws), f"**{money(whole)}**", f"{shillings:.2f}"))
    head = ("a minute of a call of 3", "carrier", "model", "AWS", "sum, $", "KES")
    return f"## A minute of a call\n\n{table(head, rows)}\n\n{_MINUTE.format(model=MODEL)}"


def _call() -> str:
    kept = RECORDING_MB / 1_000 * prices()["s3_gb"]
    works = [(f"`{one.function}`", str(one.times), f"{one.memory_mb:,} MB", f"{one.took_ms:,} ms") for one in WORK]
    return "\n\n".join(
        (
            "## What AWS takes of it",
            "Once for each call:",
            _lines(control_plane(), "a call"),
            "For each minute:",
            _lines(media_minute(), "a minute"),
            _COUNTED,
            table(("function", "times", "memory", "reckoned"), works),
            f"A recording adds {RECORDING_MB} MB a minute to S3, ${money(kept)} for each month it is kept.",
        )
    )


def _idle(usual: Standing, dev: Standing) -> str:
    return "\n\n".join(
        (
            "## A month in which nobody calls",
            _lines(idle(usual), "a month"),
            "With `DevMode=on`, where one small task and no second one stands by (spot capacity, here at the full price):",
            _lines(idle(dev), "a month"),
            _IDLE,
            "Options, all of them off as it comes:",
            table(("", "", "$"), [(line.what, line.how, money(line.dollars)) for line in options()]),
            _OPTIONS,
        )
    )


def _many() -> str:
    rows = []
    for calls in CALLS:
        scale = Scale(calls, MINUTES)
        rows.append(
            (
                f"{calls:,}",
                f"{scale.starts_s:.1f}" if scale.starts_s >= 1 else f"{scale.starts_s:.2f}",
                f"{scale.tasks:,}",
                f"{scale.concurrency:,}",
                f"{scale.writes_s:,.0f}",
                f"{scale.egress_mbit:,.0f}",
                money(scale.dollars_h),
                money(scale.dollars_h / (calls * 60)),
            )
        )
    head = (
        "calls at once",
        "calls begun a second",
        f"tasks of {TASK_VCPU} vCPU, {TASK_GB} GB",
        "Lambdas at once",
        "write units a second",
        "Mbit/s out",
        "AWS, $ an hour",
        "$ a minute of a call",
    )
    return f"## Many calls at once\n\n{table(head, rows)}\n\n{_TASKS.format(measured=MEASURED, slots=SLOTS, busy=BUSY_PERCENT)}"


def _limits() -> str:
    most, per_second = Scale(CALLS[-1], MINUTES), 1_000
    tenth = Scale(10_000, MINUTES)
    rows = [
        (
            "Fargate vCPUs in the region",
            "6 to some hundreds, by account",
            f"{tenth.tasks * TASK_VCPU:,}",
            f"{most.tasks * TASK_VCPU:,}",
        ),
        ("targets behind a load balancer", "1,000", f"{tenth.tasks:,}", f"{most.tasks:,}"),
        ("Lambdas at once", "1,000", f"{tenth.concurrency:,}", f"{most.concurrency:,}"),
        (
            "HTTP API, requests a second",
            "10,000; and the throttle of each route in template.yaml",
            f"{tenth.starts_s * HTTP_REQUESTS:,.0f}",
            f"{most.starts_s * HTTP_REQUESTS:,.0f}",
        ),
        (
            "DynamoDB, write units a second of a table",
            "40,000",
            f"{tenth.writes_s:,.0f}",
            f"{most.writes_s:,.0f} over three tables",
        ),
        (
            "EventBridge, events a second",
            "10,000 (us-east-1); 2,400 elsewhere",
            f"{tenth.starts_s * 2:,.0f}",
            f"{most.starts_s * 2:,.0f}",
        ),
        ("carrier: calls at once and a second", "not published", "ask", "ask"),
        ("model: sessions at once", "by tier and project", "ask", "ask"),
    ]
    head = ("quota", "at first", "for 10,000 calls", "for 100,000 calls")
    begun = Scale(per_second * 60 * MINUTES, MINUTES)
    return "\n\n".join(
        (
            "## What to raise, and what gets hot",
            table(head, rows),
            _HOT.format(
                begun=f"{begun.writes_s:,.0f}",
                concurrency=f"{begun.concurrency:,}",
                calls=f"{begun.calls:,}",
                minutes=MINUTES,
                writes=WRITE_UNITS,
            ),
        )
    )


def _prices() -> str:
    file = price_file()
    rows = [(one["unit"], one["value"]) for one in file["price"].values()]
    return f"## Prices\n\nList prices of {file['region']} in dollars. {file['elsewhere']}\n\n{table(('', '$'), rows)}"


_INTRO = """\
# What it costs

Reckoned, not billed: no account was ever charged for what stands here. What a call does was **counted** on the local stack, prices are
list prices, and how many calls a vCPU holds was measured on this project's bench machine ([performance.md](performance.md)). The page
is drawn from `bench/cost_sheet.py` and `bench/list_prices.toml`: `python -m tests.house.docs --write`."""

_MINUTE = """\
The carrier's prices are those of the default [rate deck](rate-decks.md), the media stream included; shillings are converted at the
planning rate of [model-costs.md](model-costs.md). The model is `{model}` with the call of that page, whose context is billed again with
every turn: the longer a call, the dearer each of its minutes. **The telephone and the model are all of the cost; what runs on AWS is
about a hundredth.**"""

_COUNTED = """\
Counted at the AWS clients while a caller booked an appointment on the local stack, with the documented carrier's hooks. What is
reckoned is how long a warm function takes in Lambda: nobody measured it there."""

_IDLE = """\
Everything else is billed by use. Free tiers are not taken off. The two tasks stand in two zones, so that a zone may fail. Container
Insights, which is on without `DevMode`, is not counted, nor is the one dashboard: three are free; nor are the six metrics of
turns, twelve with those by release, which a month without calls does not have. Without a bridge only alarms, queues, schedules and the
secret are left."""

_TASKS = """\
One core of the bench machine held {measured} calls with the caller's audio at most 5 ms late. A vCPU of Fargate may be half a core, so
it is reckoned with {slots} calls, and the service adds tasks when {busy} % of the slots are taken, because a new task needs about a
minute. Every hour is taken to be full from its first to its last minute."""

_HOT = """\
1,000 calls a second, each of {minutes} minutes, would be {calls} calls at once, {begun} write units a second and {concurrency} Lambdas
at once. What gets hot before that, in this order:

- **One business.** The index by day of the detail records has four shards a business, and a partition takes 1,000 write units a second.
  With two legs a call and about four versions of each that is some 500 calls a second of one business. More shards are a constant and a
  migration.
- **The core table.** {writes} write units a call, most of them versions of detail records: at 100,000 calls at once the tables need
  their throughput raised, and warmed before a campaign.
- **Workers of the queues.** `MaximumConcurrency` of the functions that work off queues bounds how fast records and detail records
  follow; they may lag by minutes without harm to a call.
- **A campaign** is bound to 50 calls a second and 1,000 channels, see [campaign-scale.md](campaign-scale.md).
- **Beats of the bridges**: each worker tells every ten seconds that it lives. They are not in the table above: at 100,000 calls at once
  2,000 workers are 200 a second more.
- **The load balancer** grows with its load, not ahead of it: announce a campaign of thousands of calls, or begin it slowly."""

_OPTIONS = """\
Services keep the data keys of a key of one's own for five minutes, so its requests grow with time and not with calls: about nine
thousand a month for each role and table that are never idle. The edge is billed for what it refuses, too. `ReservedConcurrency` and
`AlarmTopicArn` cost nothing by themselves; `SnapStart` takes a fee for each version that is kept and each start, which is not reckoned
here."""

_NOT_KNOWN = """\
## What is not known

How many calls a vCPU of Graviton holds; what a warm function takes in Lambda; what the carrier and the model's provider allow at once;
any discount. [The first-account checklist](deploy.md) says how to find out."""
