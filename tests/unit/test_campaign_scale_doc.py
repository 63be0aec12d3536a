"""docs/campaign-scale.md reckons what a million people take. Its figures are reckoned again here, from what the code writes and allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
import yaml

from bench.campaign_scale import BUSINESS, FATES, campaign_of, contact_of
from functions.campaigns.planner import WRITERS
from functions.dialer.turns import LEAD_S, PATIENCE_S
from pokea.adapters import campaign_items as items
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import Gone, Put, Summed
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, Disposition
from pokea.campaigns.pacing import gap_s
from pokea.campaigns.planning import MAX_QUEUED, PLAN_S
from pokea.campaigns.ports import SHARDS, TALLY_SHARDS, Attempts
from pokea.campaigns.seeking import MAX_PAGES, PAGE
from pokea.campaigns.unknowns import CLOCKS_DIFFER, GONE_AFTER
from pokea.tables.campaign import CampaignTable
from tests.house.rules import ROOT

PAGE_TEXT = (ROOT / "docs/campaign-scale.md").read_text(encoding="utf-8")
CALLS = 1_620_000
PUT_OFF = 0.31  # of each call, as the page says that it was measured
CORE_UNITS = 15  # as the page says: what is written to the core table for each call


def most(field: str) -> int:
    """What a campaign may ask for at most."""
    return next(int(bound.le) for bound in CampaignTable.model_fields[field].metadata if hasattr(bound, "le"))


MAX_CPS, MAX_CHANNELS = most("cps"), most("channels")


def number(pattern: str) -> float:
    """The figure that the page gives where `pattern` has its group."""
    found = re.search(pattern, " ".join(PAGE_TEXT.split()))
    assert found, f"the page has nothing like {pattern}"
    return float(found[1].replace(",", ""))


def row(name: str) -> list[str]:
    """The cells of the table row that begins with `name`."""
    (found,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE_TEXT, re.MULTILINE)
    return [cell.strip(" *") for cell in found.split("|")]


class Ledger:
    """A table that keeps items in memory and every transaction that wrote them."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.written: list[list[Put | Gone | Summed]] = []

    def get(self, key: tuple[str, str]) -> Mapping[str, Any] | None:
        return self.kept.get(key)

    def get_many(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def query(self, partition: str, prefix: str) -> Iterator[Mapping[str, Any]]:
        return (item for key, item in self.kept.items() if key[0] == partition)

    def transact(self, puts: Sequence[Put], token: str, others: Sequence[Gone | Summed] = ()) -> None:
        self.written.append([*puts, *others])
        for put in puts:
            self.kept[put.item["pk"]["S"], put.item["sk"]["S"]] = put.item

    def units(self) -> int:
        """Of the latest transaction: two for each item of up to 1 KB. The index of a contact: it leaves one place and comes to another."""
        written = self.written[-1]
        index = sum(2 for one in written if isinstance(one, Put) and "gsi1pk" in one.item)
        return 2 * len(written) + index


@pytest.fixture(scope="module")
def steps() -> dict[str, int]:
    """What each step of one attempt writes, in write units."""
    ledger = Ledger()
    store = DynamoCampaigns(ledger)  # type: ignore[arg-type]
    campaign = campaign_of(50, 1_000)
    contact, now = contact_of(0, campaign), contact_of(0, campaign).due_at
    store.add_contacts([contact])
    found: dict[str, int] = {}

    def put(name: str, after: Contact) -> Contact:
        stored = store.put_contact(after)
        found[name] = ledger.units()
        return stored

    put_off = put("put off", moves.waiting(replace(contact, version=1), now + timedelta(hours=9), "hours"))
    claimed = put("claim", moves.claimed(put_off, now))
    held = put("held", moves.held(claimed, now, "channels", now))
    store.take_turn(BUSINESS, campaign.campaign_id, now, gap_s(50), 2.0)
    turn = ledger.units()
    asked = store.begin(moves.asked(held, "pk1", now), 1_000, Attempts())
    found["asked"] = ledger.units() + turn
    ringing = put("ringing", moves.ringing(asked, None))
    put("ended", moves.done(ringing, Disposition.COLD))
    return found


def test_a_contact_and_whatever_goes_along_fit_in_one_unit_each() -> None:
    contact = contact_of(0, campaign_of(50, 1_000))
    assert size(items.contact_item(contact)) <= number(r"a contact has ([\d.]+) KB") * 1_024 <= 1_024


def size(item: Mapping[str, Any]) -> int:
    return sum(len(name) + sum(map(len, value.values())) for name, value in item.items())


@pytest.mark.parametrize("step", ["claim", "asked", "ringing", "ended", "held"])
def test_every_step_writes_what_the_page_says(step: str, steps: dict[str, int]) -> None:
    assert int(row(step)[-1]) == steps[step]


def test_the_units_of_a_million_people_and_their_price(steps: dict[str, int]) -> None:
    attempt = sum(steps[name] for name in ("claim", "asked", "ringing", "ended")) + PUT_OFF * steps["held"]
    assert number(r"put off ([\d.]+) times for each call") == PUT_OFF
    assert number(r"(\d+) units an attempt, and about 15 more") == round(attempt) and CORE_UNITS == 15
    millions = (CALLS * (round(attempt) + CORE_UNITS) + 1_000_000 * int(row("import, each contact")[-1])) / 1e6
    assert number(r"= ([\d.]+) M units") == pytest.approx(millions, abs=0.05)
    assert number(r"M units × \$0.625/M = \*\*\$(\d+)") == int(millions * 0.625 + 0.5)
    assert int(row("DynamoDB writes")[-1]) == int(millions * 0.625 + 0.5)
    assert number(r"1,000,000 × (\d+) units \| 3") == steps["put off"]
    table = PAGE_TEXT.split("| | reckoned | $ |")[1].split("\n\n")[0]
    total = sum(int(price) for price in re.findall(r"\| (\d+) \|$", table, re.MULTILINE))
    assert number(r"About \*\*\$(\d+) for a million people") == total


def test_the_reads_are_nearly_all_of_the_channels_in_use() -> None:
    campaign = campaign_of(50, 1_000)
    asked = replace(contact_of(0, campaign), label="pk" + "0" * 40)
    one_look = ceil(size(items.channel_item(asked, "00001")) * MAX_CHANNELS / 4_096)
    units = number(r"about (\d+) units an attempt, nearly all")
    assert 3 * one_look <= units <= 3 * one_look + 25
    assert int(row("DynamoDB reads")[-1]) == round(CALLS * units / 1e6 * 0.125)


def test_pace_and_channels_say_how_long_it_takes() -> None:
    call_s = sum(fate.share * (fate.ring_s + fate.talk_s) for fate in FATES) / 100
    assert number(r"A call takes (\d+) s on average") == int(call_s)
    assert (MAX_CPS, MAX_CHANNELS) == (50, 1_000)
    assert int(row("pace: `cps` 50, which turns of 1.1/50 s keep")[-1]) == int(1 / gap_s(50))
    by_channels = int(1_000 / call_s)
    assert int(row("channels: 1,000, each free again after 41 s")[-1]) == by_channels
    assert number(r"= \*\*([\d.]+) hours of lawful time") == pytest.approx(CALLS / by_channels / 3_600, abs=0.06)


def test_the_partitions_that_get_hot(steps: dict[str, int]) -> None:
    assert (SHARDS, TALLY_SHARDS) == (8, 32)
    pace = int(1 / gap_s(MAX_CPS))
    assert row("`TALLY#<campaign>`, 32 items in one partition")[-1] == f"{round(pace * 4 * 2 / 10)} %"
    campaign = campaign_of(50, 1_000)
    one_look = ceil(size(items.channel_item(replace(contact_of(0, campaign), label="pk" + "0" * 40), "00001")) / 4.096)
    share = float(row("`LIVE#<campaign>`")[-1].rstrip(" %"))
    assert 24 * 3 * one_look / 30 == pytest.approx(share, rel=0.05)


def test_queues_and_concurrency() -> None:
    class Loader(yaml.SafeLoader): ...

    Loader.add_multi_constructor("!", lambda loader, tag, node: None)
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader)
    events = template["Resources"]["DialerFunction"]["Properties"]["Events"].values()
    (allowed,) = [event["Properties"]["ScalingConfig"]["MaximumConcurrency"] for event in events]
    assert number(r"template.yaml allows (\d+)") == allowed
    assert number(r"worked on for up to ([\d.]+) s") == LEAD_S + PATIENCE_S
    assert number(r"at most ([\d,]+) messages of one campaign") == ceil(PLAN_S / gap_s(MAX_CPS))
    assert number(r"messages of one campaign are ahead \([^)]*\), ([\d,]+) of all") == MAX_QUEUED
    assert number(r"Planner: (\d+) writes at once") == WRITERS


def test_what_a_look_for_lost_calls_reads() -> None:
    minutes = 2 * CLOCKS_DIFFER.total_seconds() / 60
    rows = int(1 / gap_s(MAX_CPS)) * minutes * 60
    assert number(r"calls a second that is ([\d,]+) rows") == rows
    assert number(r"rows, (\d+) pages") == rows / PAGE
    assert number(r"and a look reads (\d+)") == MAX_PAGES
    assert number(r"later than (\d+) s") == GONE_AFTER.total_seconds()
