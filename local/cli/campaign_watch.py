"""`pokea campaign status|results`: how a campaign stands, once or until it is over, and what came out of it."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.cli.campaign import told
from local.cli.campaign_api import CampaignApi
from local.cli.rate import writing

LOOK_EVERY_S = 2.0
RATE_OVER_S = 60.0
OVER = ("finished", "cancelled")
UNDER_WAY = ("claimed", "asked", "ringing")
SETTLED = ("done", "excluded")


class Pace:
    """How fast contacts are settled, measured over the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def per_minute(self, standing: Mapping[str, Any]) -> float | None:
        at = datetime.fromisoformat(standing["at"])
        self._seen.append((at, settled_of(standing)))
        while (at - self._seen[0][0]).total_seconds() > RATE_OVER_S:
            self._seen.popleft()
        began, before = self._seen[0]
        took_s = (at - began).total_seconds()
        return (self._seen[-1][1] - before) * 60 / took_s if took_s else None


def settled_of(standing: Mapping[str, Any]) -> int:
    return sum(standing["states"][state] for state in SETTLED)


def is_over(standing: Mapping[str, Any]) -> bool:
    """Nothing more is to be heard of it: finished, or cancelled and the last call has ended."""
    under_way = sum(standing["states"][state] for state in UNDER_WAY)
    return standing["campaign"]["state"] in OVER and not under_way


def run_status(
    api: CampaignApi, campaign_id: str, *, watch: bool, as_json: bool, wait: Callable[[float], None] = time.sleep
) -> int:
    """Without `watch` one look; with it until the campaign is over. Raises Unreachable and Refused."""
    if as_json:
        return _json_lines(api, campaign_id, watch, wait)
    console, pace = Console(), Pace()
    standing = api.standing(campaign_id)
    if not watch:
        console.print(drawn(standing, pace.per_minute(standing)))
        return 0
    if not console.is_terminal:
        return _lines(api, campaign_id, wait)
    with Live(drawn(standing, pace.per_minute(standing)), console=console, refresh_per_second=4) as live:
        while not is_over(standing):
            wait(LOOK_EVERY_S)
            standing = api.standing(campaign_id)
            live.update(drawn(standing, pace.per_minute(standing)))
    return 0


def _json_lines(api: CampaignApi, campaign_id: str, watch: bool, wait: Callable[[float], None]) -> int:
    while True:
        standing = api.standing(campaign_id)
        print(json.dumps(standing), flush=True)
        if not watch or is_over(standing):
            return 0
        wait(LOOK_EVERY_S)


def _lines(api: CampaignApi, campaign_id: str, wait: Callable[[float], None]) -> int:
    """Where nothing can be drawn over: one line whenever something has changed."""
    last = ""
    while True:
        standing = api.standing(campaign_id)
        line = in_one_line(standing)
        if line != last:
            print(line, flush=True)
        last = line
        if is_over(standing):
            return 0
        wait(LOOK_EVERY_S)


def in_one_line(standing: Mapping[str, Any]) -> str:
    states = ", ".join(f"{count} {state}" for state, count in standing["states"].items() if count)
    ends = ", ".join(f"{count} {end}" for end, count in standing["dispositions"].items() if count)
    line = f"{told(standing['campaign'])}: {states or 'nobody on the list'}" + (f" [{ends}]" if ends else "")
    return "; ".join(filter(None, [line, next_call(standing)]))


def next_call(standing: Mapping[str, Any]) -> str:
    """When somebody is due again, on this machine's clock; "" while it needs no telling."""
    following = standing.get("next")
    if not following:
        return ""
    at = datetime.fromisoformat(following["at"]).astimezone()
    reason = f" ({following['reason']})" if following["reason"] else ""
    return f"the next call is due {at:%a %Y-%m-%d %H:%M %z}{reason}"


def drawn(standing: Mapping[str, Any], per_minute: float | None) -> Group:
    campaign, settled, contacts = standing["campaign"], settled_of(standing), standing["contacts"]
    head = Text.assemble((campaign["name"], "bold"), f"  {campaign['id']}  ", (told(campaign), "bold"))
    bar = ProgressBar(total=max(contacts, 1), completed=settled, width=60)
    table = Table.grid(padding=(0, 3))
    nothing = ("", "")
    for left, right in zip_longest(_named(standing["states"]), _named(standing["dispositions"]), fillvalue=nothing):
        table.add_row(*left, *right)
    money, pace = standing["money"], standing["pace"]
    budget = f" of {_amount(money['budget_micros'], money)}" if money["budget_micros"] is not None else ""
    lead = money["micros_per_qualified"]
    spent = f"spent {_amount(money['spent_micros'], money)}{budget}" + (
        f", {_amount(lead, money)} a qualified lead" if lead is not None else ""
    )
    speed = f"{per_minute:.0f} a minute, " if per_minute else ""
    rest = f"at least {_span(pace['least_s'])} of lawful hours left" if pace["least_s"] else "nobody waits"
    due = [Text(next_call(standing), style="bold")] if next_call(standing) else []
    line = f"{pace['live']} of {pace['channels']} channels, {pace['cps']} calls a second at most, {speed}{rest}"
    top = Table.grid()  # a bar ends without a line break
    top.add_row(bar)
    top.add_row(Text(f"{settled:,} of {contacts:,} contacts settled"))
    return Group(head, top, table, Text(line), *due, Text(spent))


def _named(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in counts.items() if count]


def _amount(micros: int, money: Mapping[str, Any]) -> str:
    return f"{money['currency']} {micros / 1_000_000:,.2f}"


def _span(seconds: int) -> str:
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def run_list(api: CampaignApi, as_json: bool) -> int:
    """Raises Unreachable and Refused."""
    found = api.every()
    if as_json:
        print(json.dumps([{"business": business, **campaign} for business, campaign in found]))
        return 0
    for business, campaign in found:
        print(f"{campaign['id']:<28} {told(campaign):<24} {business:<16} {campaign['name']}")
    if not found:
        print("no campaigns yet: pokea campaign import LIST --campaign CAMPAIGN.toml", file=sys.stderr)
    return 0


def run_results(api: CampaignApi, campaign_id: str, form: str, out: Path | None) -> int:
    """Every contact, whole. Raises Unreachable and Refused."""
    with writing(out) as sink:
        if form == "csv":
            sink.writelines(api.pages(campaign_id, "csv"))
            return _say_where(out)
        standing = api.standing(campaign_id)
        sink.write(json.dumps({"version": 1, **standing})[:-1] + ', "people": [')
        between = "\n"
        for page in api.pages(campaign_id, "json"):
            for contact in json.loads(page)["contacts"]:
                sink.write(between + json.dumps(contact, ensure_ascii=False))
                between = ",\n"
        sink.write("\n]}\n")
    return _say_where(out)


def _say_where(out: Path | None) -> int:
    if out is not None:
        print(f"written to {out}", file=sys.stderr)
    return 0
