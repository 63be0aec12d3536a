"""functions/webhooks: signed, to addresses that may be asked, at least once, and with everything a CRM needs."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.webhooks import app
from functions.webhooks.courier import Courier, Shelves, parse
from pokea.adapters.observability import Log
from pokea.adapters.public_http import PublicHttp
from pokea.campaigns.settling import Told
from pokea.campaigns.webhooks import event_id, headers, secret_name
from pokea.errors import CallError, Denied, NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId
from pokea.leads import Outcome
from pokea.sautikit.closings import CloseReason, RecordingPointer
from tests.oracles.webhook_signature import is_authentic
from tests.support.crm import Crm, running
from tests.support.settled import BUSINESS, CAMPAIGN, MONDAY, SESSION, WANJIKU, Office, closed, lead, talked, waiting

SECRET, OLD = "a-secret-of-the-business", "the-secret-of-last-month"
SOUND = RecordingPointer("recordings/kilele/2026-11-23/HD_000000000001.wav", 960_000, 60_000)
_names = itertools.count()


@pytest.fixture(scope="module")
def system() -> Iterator[Crm]:
    with running(Crm()) as crm:
        yield crm


@pytest.fixture
def crm(system: Crm) -> Crm:
    system.taken.clear()
    system.answers.clear()
    return system


class Post:
    """One hot lead of a finished campaign, its two events, and the courier."""

    def __init__(self, webhook: str, secrets: tuple[str, ...] = (SECRET,), *, allow_private: bool = True) -> None:
        self.office = Office(replace(CAMPAIGN, webhook=webhook))
        self.contact = self.office.ring(self.office.queue(waiting()))
        closing = closed(CloseReason.GOODBYE, "yes", recording=SOUND)
        self.office.know(talked(), closing, lead(Outcome.HOT))
        self.office.hear()
        self.asked: list[str] = []
        self.logged = io.StringIO()

        def known(name: str) -> tuple[str, ...]:
            self.asked.append(name)
            return secrets

        self.log = Log(f"webhooks-{next(_names)}", self.logged)
        self.courier = Courier(
            shelves=lambda: Shelves(self.office.campaigns, self.office.store, self.office.closings),
            http=lambda: PublicHttp(allow_private=allow_private, timeout_s=3.0),
            secrets=known,
            currency=lambda business_id: "KES",
            clock=self.office.clock,
            log=self.log,
        )

    def event(self, kind: str) -> str:
        """As the bus puts it on the queue."""
        (detail,) = [detail for told, detail in self.office.told.events if told == kind]
        return json.dumps({"version": "0", "source": "pokea", "detail-type": kind, "detail": detail, "account": "1"})

    def deliver(self, kind: str = "lead.qualified") -> None:
        self.courier.take(self.event(kind), "m")


def test_a_lead_is_delivered_with_its_answers_and_reasons(crm: Crm) -> None:
    Post(crm.url).deliver()
    ((sent, raw),) = crm.taken
    told = json.loads(raw)
    assert sent["x-pokea-event"] == told["type"] == "lead.qualified"
    assert sent["x-pokea-event-id"] == told["id"]
    assert sent["content-type"].startswith("application/json")
    data = told["data"]
    assert (data["number"], data["name"], data["disposition"], data["score"]) == (WANJIKU, "Wanjiku Kamau", "hot", 70)
    assert data["answers"]["budget"] == {"value": "50000", "quote": "about fifty thousand", "state": "given"}
    assert data["reasons"][0]["reason"] == "has the money"
    assert (data["recording"], data["call"]) == (SOUND.key, SESSION)
    assert data["consent"]["source"] == "web form"


def test_the_end_of_a_campaign_is_delivered_with_its_sums(crm: Crm) -> None:
    post = Post(crm.url)
    post.office.campaigns.charge(BUSINESS, CAMPAIGN.campaign_id, "pk1", 2_500_000)
    post.deliver("campaign.finished")
    ((_, raw),) = crm.taken
    data = json.loads(raw)["data"]
    assert (data["contacts"], data["dispositions"]["hot"], data["qualified"]) == (1, 1, 1)
    assert (data["spent_micros"], data["spent_micros_per_qualified"], data["currency"]) == (2_500_000, 2_500_000, "KES")


def check_signed(crm: Crm, secrets: tuple[str, ...] = (SECRET,)) -> None:
    """By somebody else's reading of the page."""
    post = Post(crm.url, secrets)
    for kind in Told:
        post.deliver(kind.value)
    now_s = post.office.clock.now().timestamp()
    for sent, raw in crm.taken:
        for secret in secrets:
            assert is_authentic(sent, raw, secret, now_s)
            assert not is_authentic(sent, raw + b" ", secret, now_s)
            assert not is_authentic(sent, raw, secret, now_s + 301)
        assert not is_authentic(sent, raw, "another secret of somebody", now_s)


def test_an_independent_reader_finds_it_signed(crm: Crm) -> None:
    check_signed(crm)
    assert len(crm.taken) == 2


def test_while_a_secret_is_replaced_both_hold(crm: Crm) -> None:
    check_signed(crm, (SECRET, OLD))


def test_the_secret_is_the_businesss_own(crm: Crm) -> None:
    post = Post(crm.url)
    post.deliver()
    assert post.asked == ["CAMPAIGN_WEBHOOK_SECRET_KILELE"]
    assert secret_name(BusinessId("a-b")) != secret_name(BusinessId("ab"))


@pytest.mark.parametrize("secrets", [(), ("short",), (SECRET, "")])
def test_nothing_is_sent_unsigned(crm: Crm, secrets: tuple[str, ...]) -> None:
    with pytest.raises(Denied, match="CAMPAIGN_WEBHOOK_SECRET_KILELE"):
        Post(crm.url, secrets).deliver()
    assert crm.taken == []


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
def test_whatever_is_not_taken_comes_back_under_the_same_id(crm: Crm, status: int) -> None:
    post = Post(crm.url)
    crm.answers[:] = [status, status]
    for _ in range(2):
        with pytest.raises(Unavailable):
            post.deliver()
    post.office.clock.advance(3_600)
    post.deliver()
    assert len({sent["x-pokea-event-id"] for sent, _ in crm.taken}) == 1
    assert len({raw for _, raw in crm.taken}) == 1
    sent, raw = crm.taken[-1]
    assert is_authentic(sent, raw, SECRET, post.office.clock.now().timestamp())  # signed anew, so it is not too old


def test_a_system_that_is_down_hears_it_later() -> None:
    with pytest.raises(CallError) as down:
        Post("http://127.0.0.1:9/hooks").deliver()
    assert down.value.code in ("not_reachable", "no_reply")


@pytest.mark.parametrize(
    "webhook",
    ["http://crm.example.com/h", "https://127.0.0.1/h", "https://10.0.0.8/h", "https://169.254.169.254/latest", "https://[::1]/h",
     "https://user:pass@crm.example.com/h", "https://crm.example.com:22/h", "file:///etc/passwd"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_never_asked(webhook: str) -> None:
    with pytest.raises((Denied, RejectedInput)):
        Post(webhook, allow_private=False).deliver()


def test_a_campaign_without_a_webhook_tells_nobody(crm: Crm) -> None:
    post = Post("")
    post.deliver()
    assert crm.taken == [] and post.asked == []


def test_an_event_of_another_business_or_campaign_is_not_told(crm: Crm) -> None:
    post = Post(crm.url)
    for changes in ({"business": "others"}, {"campaign": "another"}, {"attempt": "pk-nobody"}):
        event = json.loads(post.event("lead.qualified"))
        event["detail"] |= changes
        with pytest.raises(NotFound):
            post.courier.take(json.dumps(event), "m")
    assert crm.taken == []


def test_only_what_failed_comes_back_and_no_log_tells_who_it_was_about(crm: Crm) -> None:
    post = Post(crm.url)
    crm.answers[:] = [204, 500]
    handler = app.make_handler(lambda: post.courier, post.log)
    bodies = {"a": post.event("lead.qualified"), "b": post.event("campaign.finished"), "c": "{}"}
    records = [
        {"messageId": name, "body": body, "eventSource": "aws:sqs", "receiptHandle": name}
        for name, body in bodies.items()
    ]
    failed = handler({"Records": records}, None)["batchItemFailures"]
    assert [item["itemIdentifier"] for item in failed] == ["b", "c"]
    logged = post.logged.getvalue()
    assert not any(word in logged for word in (WANJIKU, "Wanjiku", "fifty", SECRET))


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"detail-type":"CdrFinal","detail":{}}', "[" * 20_000, '{"detail-type":"lead.qualified"}']
)
def test_what_is_no_event_is_refused_and_never_quoted(body: str) -> None:
    with pytest.raises(RejectedInput) as refused:
        parse(body)
    assert not body or body not in refused.value.message


def test_ids_of_events_differ_wherever_the_events_do() -> None:
    subjects: list[tuple[Any, str, str]] = [
        (BUSINESS, "lead.qualified", "pk1/hot"),
        (BUSINESS, "lead.qualified", "pk1/warm"),
        (BUSINESS, "campaign.finished", "pk1/hot"),
        (BusinessId("kilele2"), "lead.qualified", "pk1/hot"),
    ]
    assert len({event_id(*subject) for subject in subjects}) == len(subjects)
    assert all(event_id(*subject).isalnum() for subject in subjects)


def test_headers_hold_one_time_and_a_signature_for_each_secret() -> None:
    made = headers("lead.qualified", "ev1", b"{}", (SECRET, OLD), MONDAY + timedelta(seconds=0.9))
    parts = [part.partition("=")[0] for part in made["x-pokea-signature"].split(",")]
    assert parts == ["t", "v1", "v1"]
