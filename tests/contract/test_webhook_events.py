"""The two events of a campaign as functions/webhooks takes them from its queue, and the check of a signature as the page has it."""

from __future__ import annotations

import io
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.webhooks import app
from functions.webhooks.courier import Courier, Shelves
from pokea.adapters.observability import Log
from pokea.adapters.public_http import PublicHttp
from pokea.clock import ManualClock
from pokea.ids import BusinessId
from pokea.leads import Outcome
from pokea.sautikit.closings import CloseReason
from tests.support.crm import Crm, running
from tests.support.settled import CAMPAIGN, Office, closed, lead, talked, waiting

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/campaign-results.md"
SECRET = "a-secret-of-the-business"
_names = itertools.count()


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / f"events/{name}.json").read_text(encoding="utf-8")))


def detail(event: dict[str, Any]) -> dict[str, Any]:
    (record,) = event["Records"]
    return dict(json.loads(record["body"])["detail"])


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    with running(Crm()) as found:
        yield found


def office_of(url: str) -> Office:
    """A hot lead of the campaign that the example names, and the campaign of the other one."""
    office = Office(replace(CAMPAIGN, webhook=url))
    office.ring(office.queue(waiting()))
    office.know(talked(), closed(CloseReason.GOODBYE, "yes"), lead(Outcome.HOT))
    office.hear()
    ended = detail(example("campaign-finished"))
    office.campaigns.put_campaign(
        replace(CAMPAIGN, business_id=BusinessId(ended["business"]), campaign_id=ended["campaign"], webhook=url)
    )
    return office


def delivered(office: Office, crm: Crm, event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    crm.taken.clear()
    log = Log(f"webhook-events-{next(_names)}", io.StringIO())
    courier = Courier(
        shelves=lambda: Shelves(office.campaigns, office.store, office.closings),
        http=lambda: PublicHttp(allow_private=True, timeout_s=3.0),
        secrets=lambda name: (SECRET,),
        currency=lambda business_id: "KES",
        clock=ManualClock(datetime.fromtimestamp(time.time(), UTC)),
        log=log,
    )
    assert app.make_handler(lambda: courier, log)(event, None) == {"batchItemFailures": []}
    (taken,) = crm.taken
    return taken


@pytest.mark.parametrize(
    ("name", "kind"), [("lead-qualified", "lead.qualified"), ("campaign-finished", "campaign.finished")]
)
def test_an_example_event_is_delivered_to_the_webhook(crm: Crm, name: str, kind: str) -> None:
    event = example(name)
    headers, body = delivered(office_of(crm.url), crm, event)
    told = json.loads(body)
    assert (headers["x-pokea-event"], told["type"]) == (kind, kind)
    assert headers["x-pokea-event-id"] == told["id"] == detail(event)["idempotency_key"]
    assert (told["business"], told["campaign"]) == (detail(event)["business"], detail(event)["campaign"])


def test_the_example_of_a_lead_is_what_the_settler_tells_of(crm: Crm) -> None:
    office = office_of(crm.url)
    assert ("lead.qualified", detail(example("lead-qualified"))) in office.told.events


def test_the_example_of_an_end_has_the_keys_that_the_settler_tells(crm: Crm) -> None:
    (told,) = [found for kind, found in office_of(crm.url).told.events if kind == "campaign.finished"]
    assert set(told) == set(detail(example("campaign-finished")))


def check_of_the_page() -> Callable[[str, bytes, str], bool]:
    """The function that the page shows. It is exactly what a reader would copy."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    found: Callable[[str, bytes, str], bool] = names["is_ours"]
    return found


def test_the_check_of_the_page_takes_what_is_ours_and_nothing_else(crm: Crm) -> None:
    is_ours = check_of_the_page()
    headers, body = delivered(office_of(crm.url), crm, example("lead-qualified"))
    signature = headers["x-pokea-signature"]
    assert is_ours(signature, body, SECRET)
    t, v1 = signature.split(",")
    assert is_ours(f"{t},v1={'0' * 64},{v1}", body, SECRET)  # a secret is being replaced
    old = f"t={int(t[2:]) - 301},{v1}"
    for header in ("", "t=,v1=", t, v1, f"{t},v1=", f"{t},v1={'0' * 64}", f"{t},{t},{v1}", old, f"t=x,{v1}", "=,="):
        assert not is_ours(header, body, SECRET)
    assert not is_ours(signature, body + b" ", SECRET)
    assert not is_ours(signature, body, "another-secret-of-somebody")


def test_the_check_of_the_page_is_ten_lines() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
