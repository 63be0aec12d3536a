"""What a deployed stack is driven through, from outside: each drive ends once what it has set off can be seen to have arrived.

They run in the order of DRIVES: the schedules come first, because as long as nothing else was driven, whoever runs was started by one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx

from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.ids import BusinessId
from tests.oracles.webhook_signature import is_authentic
from tests.support.deployed import until
from tests.support.deployed_stack import NO_EVIDENCE, PATH_SECRET, ROOT, TOLD, WEBHOOK_SECRET, Stack
from tests.support.phone import heard

CLINIC, COURIER, SALES = "+254711000001", "+254711000005", "+254711000004"
FRONT_DESK = "+254711000101"
CALLER, RECIPIENT, LEAD_NUMBER, WHO_IS_RUNG = "+254700000001", "+254700000002", "+254720000001", "+254700000003"
CAMPAIGN = "year-end"
SCHEDULES_WITHIN_S = 300.0
WITHIN_S = 180.0
Drive = Callable[[Stack], None]


def scheduled(template: Any) -> dict[str, str]:
    """Function → the schedule's rule, as the SAM CLI names it."""
    return {
        name: f"{name}{event}"
        for name, resource in template["Resources"].items()
        for event, said in resource.get("Properties", {}).get("Events", {}).items()
        if said["Type"] == "Schedule"
    }


@contextmanager
def every_minute(stack: Stack, rules: list[str]) -> Iterator[None]:
    """The template's own rules with another time; some of them are for once a night."""
    events = stack.made.client("events")
    kept = {}
    for rule in rules:
        name = stack.made.resources[rule]
        kept[name] = events.describe_rule(Name=name)["ScheduleExpression"]
        events.put_rule(Name=name, ScheduleExpression="rate(1 minute)", State="ENABLED")
    try:
        yield
    finally:
        for name, expression in kept.items():
            events.put_rule(Name=name, ScheduleExpression=expression, State="ENABLED")


def schedules(stack: Stack) -> None:
    from local.template_file import plain

    due = scheduled(plain(ROOT / "template.yaml"))
    with every_minute(stack, list(due.values())):
        for name, rule in due.items():
            until(partial(_ran, stack, name), SCHEDULES_WITHIN_S, f"{name} was not started")
            stack.come.add(rule)
        held = partial(stack.made.items, "CoreTable")  # of a run that failed the next one makes up
        until(lambda: held("REC#~carrier#"), SCHEDULES_WITHIN_S, "the wallet was not read")
        until(lambda: held("REC#whitedent#busy#"), SCHEDULES_WITHIN_S, "no calendar was read")


def _ran(stack: Stack, function: str) -> bool:
    return "REPORT" in stack.made.logs(function.removesuffix("Function") + "Logs")


def doors(stack: Stack) -> None:
    """What is answered without a key, and what nobody is told."""
    assert stack.http("GET", "/healthz").json() == {"status": "ok"}
    assert stack.http("POST", "/calls", json={}).status_code == 401
    assert stack.http("GET", "/campaigns").status_code == 401
    assert stack.http("GET", "/cdr/HD_1").status_code == 401
    assert stack.http("GET", "/no/such/route").status_code == 404
    rung = {
        "sessionId": "HD_forged",
        "callerNumber": CALLER,
        "destinationNumber": CLINIC,
        "callSessionState": "Ringing",
    }
    body, form = urlencode(rung).encode(), "application/x-www-form-urlencoded"
    paths = (f"/voice/{PATH_SECRET}", f"/{PATH_SECRET}", f"/stream-status/{PATH_SECRET}", f"/call-events/{PATH_SECRET}")
    for path in paths:
        assert "token=" not in stack.hook(path, body, form, "not-the-secret").text
    for path in ("/", "/voice", "/stream-status", "/call-events"):  # the path's secret is asked for, too
        assert "token=" not in stack.hook(path, body, form).text
    assert stack.made.items("CoreTable", "CALL#HD_forged") == []


def a_booking(stack: Stack) -> None:
    """A caller rings, books and hangs up: hooks, document, tools, record, detail records, diary."""
    call = stack.rings_in(CALLER, CLINIC)
    token, _ = stack.opens(call)
    stack.tools("beat", bridge="bridge-1", calls=[call.session_id])
    wish = {"service": "cleaning", "when": _in_days(3).strftime("%Y-%m-%dT11:00"), "name": "Jane Example"}
    offer = _tool(stack, token, "proposeBooking", wish)
    nonce = offer["nonce"]
    commit = {"nonce": nonce, "arguments": offer["payload"]["arguments"]}
    done = _tool(stack, token, "commitProposal", commit, evidence=heard(nonce))
    assert done["payload"]["status"] == "booked", done
    stack.closes(token)
    stack.hangs_up(call)
    stack.tools("beat", bridge="bridge-1", calls=[], leaving=True)
    session = call.session_id
    until(lambda: stack.made.items("CoreTable", f"REC#whitedent#callrecord#{session}"), WITHIN_S, "no record")
    legs = until(lambda: stack.made.items("CdrsTable", f"CALL#{session}"), WITHIN_S, "no detail record of the call")
    assert {"NOW#caller", "NOW#stream"} <= {leg["sk"]["S"] for leg in legs}
    stack.made.drained("EndedQueue", WITHIN_S)
    key = stack.key_of("whitedent", "calendar:read", "cdrs:read", "cdrs:write")
    shown = stack.http("GET", f"/cdr/{session}", headers=key)
    assert shown.status_code == 200 and session in shown.text, shown.text
    again = stack.http("POST", "/cdr/reconcile", json={"call": session}, headers=key)
    assert again.status_code == 200, again.text
    today = datetime.now(UTC).date().isoformat()
    assert stack.http("POST", "/cdr/reconcile", json={"day": today}, headers=key).status_code == 202
    url = stack.http("GET", "/calendar", headers=key).json()["url"]
    diary = stack.http("GET", httpx.URL(url).path)
    assert diary.status_code == 200 and "BEGIN:VEVENT" in diary.text, diary.text


def _in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _tool(
    stack: Stack, token: str, name: str, arguments: dict[str, Any], evidence: dict[str, Any] | None = None
) -> dict[str, Any]:
    wants = {"call_token": token, "tool_call_id": f"t{time.monotonic_ns()}", "tool": name, "arguments": arguments}
    return stack.tools("tool", **wants, evidence=evidence or NO_EVIDENCE)


def a_hand_off(stack: Stack) -> None:
    """A caller is handed to a person: a second call is placed, the person's own system is told, and its card is looked at."""
    stack.picks_up(FRONT_DESK)
    call = stack.rings_in(CALLER, CLINIC)
    token, _ = stack.opens(call, relay="ws://127.0.0.1:4100")
    order = _tool(stack, token, "handOver", {"reason": "a broken tooth"})["handoff"]
    second = stack.placed_to(FRONT_DESK, WITHIN_S)
    human, opened = stack.opens(second)
    assert "a broken tooth" in opened["context"]["greeting"]

    def asked(who: str, what: str) -> str:
        return str(stack.tools("handoff", call_token=who, handoff_id=order["handoff_id"], asked=what)["state"])

    until(lambda: asked(token, "status") == "briefing", WITHIN_S, "the person is not briefed")
    told = until(lambda: [body for path, body in stack.front.taken if path == TOLD], WITHIN_S, "nobody was told")
    card = stack.http("GET", httpx.URL(json.loads(told[-1])["card_url"]).path)
    assert card.status_code == 200 and "a broken tooth" in card.text
    assert (asked(human, "accept"), asked(token, "joined"), asked(token, "ended")) == ("accepted", "joined", "ended")
    stack.town.run(second.ended(30))  # hung up by REST
    stack.closes(token, handoff=order["handoff_id"])
    stack.hangs_up(call)
    stack.made.drained("EndedQueue", WITHIN_S)


def a_lost_bridge(stack: Stack) -> None:
    """ECS tells of a task that stopped: its call is ended by REST, somebody is owed a call, and says later that it was made."""
    call = stack.rings_in(CALLER, CLINIC)
    stack.opens(call)
    cluster = f"arn:aws:ecs:eu-west-1:000000000000:cluster/{_stack_name(stack)}-bridge"
    task = f"{cluster.replace(':cluster/', ':task/')}/0123456789abcdef"
    stack.tools("beat", bridge="bridge-2", task=task, calls=[call.session_id])
    event = json.loads((ROOT / "events/task-stopped.json").read_text(encoding="utf-8"))
    detail = {**event["detail"], "clusterArn": cluster, "taskArn": task}
    # Until its lease lapses, in half a minute, and an hour beyond, nothing but this event makes anybody believe that it is gone.
    _as_ecs(stack, {**event, "detail": detail})
    stack.town.run(call.ended(WITHIN_S))
    assert call.released_by == "api"
    stack.come.add("ReaperFunctionTaskStopped")
    key = stack.key_of("whitedent", "tasks:read", "tasks:write")
    tasks = partial(stack.http, "GET", "/tasks?kind=callback", headers=key)
    owed = until(lambda: [one for one in tasks().json() if one["number"] == CALLER], WITHIN_S, "nobody is owed a call")
    done = stack.http("POST", f"/tasks/callback/{owed[0]['id']}/done", headers=key)
    assert done.status_code == 200, done.text


def _as_ecs(stack: Stack, event: dict[str, Any]) -> None:
    """Nobody but ECS may put events of "aws.ecs": that the rule takes this one is asked, and then it comes from another source."""
    events, name = stack.made.client("events"), stack.made.resources["ReaperFunctionTaskStopped"]
    said = events.describe_rule(Name=name)["EventPattern"]
    assert events.test_event_pattern(EventPattern=said, Event=json.dumps(event))["Result"]
    assert not events.test_event_pattern(
        EventPattern=said, Event=json.dumps({**event, "detail": {**event["detail"], "lastStatus": "RUNNING"}})
    )["Result"]
    pattern = {**json.loads(said), "source": ["test.ecs"]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern), State="ENABLED")
    entry = {"Source": "test.ecs", "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    events.put_rule(Name=name, EventPattern=said, State="ENABLED")


def _stack_name(stack: Stack) -> str:
    return stack.made.resources["EventBus"].rpartition("/")[2]


def a_call_that_is_asked_for(stack: Stack) -> None:
    stack.picks_up(WHO_IS_RUNG)
    stack.owns(CLINIC)
    key = stack.key_of("whitedent", "calls:write")
    asked = stack.http("POST", "/calls", json={"to": WHO_IS_RUNG, "context": {"order": "A-7"}}, headers=key)
    assert asked.status_code == 202, asked.text
    call = stack.placed_to(WHO_IS_RUNG, WITHIN_S)
    token, _ = stack.opens(call)
    stack.closes(token)
    stack.hangs_up(call)


def accounts(stack: Stack) -> None:
    """What a support agent knows of a business that has no system of its own."""
    key = stack.key_of("kasi", "accounts:write")
    account = {"name": "Jane Example", "numbers": [CALLER], "pin": "4711", "area": "kilimani"}
    ticket = {"account_id": "K1", "problem": "no internet"}
    outage = {"what": {"en": "A cable is cut.", "sw": "Waya umekatika."}}
    for path, body in (("accounts/K1", account), ("tickets/T-1", ticket), ("outages/kilimani", outage)):
        said = stack.http("PUT", f"/{path}", json=body, headers=key)
        assert said.status_code == 200, said.text


def a_parcel(stack: Stack) -> None:
    """One that goes out is told to the bus, whose rule has its recipient rung."""
    stack.picks_up(RECIPIENT)
    stack.owns(COURIER)
    report = {
        "recipient": "Jane Example",
        "numbers": [RECIPIENT],
        "status": "out_for_delivery",
        "eta_at": (datetime.now(UTC) + timedelta(hours=3)).isoformat(),
        "address": "12 Example Road",
    }
    key = stack.key_of("boda", "shipments:write")
    assert stack.http("PUT", "/shipments/KL4706", json=report, headers=key).is_success
    call = stack.placed_to(RECIPIENT, WITHIN_S)
    stack.come.add("OutForDeliveryRule")
    token, _ = stack.opens(call)
    stack.closes(token)
    stack.hangs_up(call)
    stack.made.drained("DeliveriesQueue", WITHIN_S)


def a_report(stack: Stack) -> None:
    key = stack.key_of("whitedent", "reports:read", "reports:write")
    day = datetime.now(UTC).date().isoformat()
    assert stack.http("POST", "/reports", json={"day": day}, headers=key).status_code == 202
    found = partial(stack.http, "GET", f"/reports/{day}", headers=key)
    until(lambda: found().status_code == 200, WITHIN_S, "no report was made")
    stack.made.drained("ReportsQueue", WITHIN_S)
    link = found().json()["html"]["url"]
    with httpx.Client(trust_env=False) as browser:
        shown = browser.get(link)
    assert shown.status_code == 200 and "<html" in shown.text, shown.text[:500]


def a_campaign(stack: Stack) -> None:
    """Somebody on a list is rung by planner, queue and dialer, becomes a lead, and the business's own system hears of it and of the end."""
    key = stack.key_of("mizani", "campaigns:read", "campaigns:write")
    stack.picks_up(LEAD_NUMBER)
    soon = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S")  # the emulator knows no zones
    rules = {"id": CAMPAIGN, "business": "mizani", "name": "A test", "countries": ["KE"], "webhook": stack.crm.url}
    _said(stack, key, "POST", "/campaigns", {**rules, "schedule": f"at({soon})"})
    person = {"consent_source": "form", "consent_wording": "Call me", "consent_at": _in_days(-3).isoformat()}
    people = [{**person, "phone": LEAD_NUMBER, "name": "Jane"}]
    assert _said(stack, key, "POST", f"/campaigns/{CAMPAIGN}/contacts", {"contacts": people})["new"] == 1
    stack.owns(SALES)
    assert _said(stack, key, "POST", f"/campaigns/{CAMPAIGN}/start")["reason"] == "scheduled"
    group, scheduler = stack.made.resources["CampaignSchedules"], stack.made.client("scheduler")
    assert [one["State"] for one in scheduler.list_schedules(GroupName=group)["Schedules"]] == ["ENABLED"]
    call = stack.placed_to(LEAD_NUMBER, WITHIN_S + 90)  # once its schedule has come, within a minute
    stack.come.add("CampaignSchedules")
    token, _ = stack.opens(call)
    for question, answer in (
        ("opening", "yes please"),
        ("decides", "I am the owner"),
        ("users", "twelve"),
        ("start", "this month"),
    ):
        _tool(stack, token, "recordAnswer", {"question": question, "answer": answer})
    stack.closes(token)
    stack.hangs_up(call)
    told = _heard_of(stack, "lead.qualified")
    stack.come.add("CampaignEventsRule")
    assert told["data"]["number"] == LEAD_NUMBER
    end = _heard_of(stack, "campaign.finished")
    assert end["data"]["qualified"] == 1
    results = _said(stack, key, "GET", f"/campaigns/{CAMPAIGN}/results")
    (row,) = results["contacts"]
    assert row["disposition"] == "hot", row
    assert _said(stack, key, "GET", f"/campaigns/{CAMPAIGN}")["campaign"]["state"] == "finished"
    assert CAMPAIGN in [one["id"] for one in _said(stack, key, "GET", "/campaigns")["campaigns"]]
    assert not scheduler.list_schedules(GroupName=group)["Schedules"]
    until(lambda: _spent(stack), WITHIN_S, "the bus told nobody what the call had cost")
    stack.come.add("CampaignCdrRule")


def _spent(stack: Stack) -> bool:
    """Charged by the rule that tells the settler of detail records that are final."""
    campaigns = DynamoCampaigns(stack.table("CampaignsTable"))
    return campaigns.spent(BusinessId("mizani"), CAMPAIGN) > 0


def _said(stack: Stack, key: dict[str, str], method: str, path: str, body: Any = None) -> Any:
    answer = stack.http(method, path, headers=key, **({} if body is None else {"json": body}))
    assert answer.is_success, answer.text
    return answer.json()


def _heard_of(stack: Stack, kind: str) -> Any:
    """A webhook of this kind that the business's own system was given, its signature checked as that system would."""

    def found() -> Any:
        told = [each for each in stack.crm.taken if CAMPAIGN.encode() in each[1]]
        return next((each for each in told if each[0]["x-pokea-event"] == kind), None)

    headers, body = until(found, WITHIN_S, f"nobody was told {kind}")
    assert is_authentic(headers, body, WEBHOOK_SECRET, time.time(), tolerance_s=WITHIN_S)
    assert not is_authentic(headers, body, "another-secret-of-its-own", time.time())
    return json.loads(body)


def a_refused_webhook(stack: Stack) -> None:
    """A business's system that fails again and again: the message ends in the dead letter queue, and is taken once it is redriven."""
    sqs = stack.made.client("sqs")
    queue, dead = stack.made.url_of("WebhooksQueue"), stack.made.url_of("WebhooksDeadQueue")
    kept = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"VisibilityTimeout": "2"}
    )  # five tries in seconds, not in half an hour
    stack.crm.answers[:] = [503] * 50
    before = len(stack.crm.taken)
    key = stack.key_of("mizani", "campaigns:write", "campaigns:read")
    rules = {"id": "spring", "business": "mizani", "name": "A test", "countries": ["KE"], "webhook": stack.crm.url}
    _said(stack, key, "POST", "/campaigns", rules)
    event = json.loads((ROOT / "events/campaign-finished.json").read_text(encoding="utf-8"))
    told = json.loads(event["Records"][0]["body"])
    detail = json.dumps({**told["detail"], "business": "mizani", "campaign": "spring"})
    entry = {"Source": "pokea", "DetailType": told["detail-type"], "Detail": detail}
    bus = {"EventBusName": stack.made.resources["EventBus"]}
    assert stack.made.client("events").put_events(Entries=[{**entry, **bus}])["FailedEntryCount"] == 0
    message = until(partial(_taken, sqs, dead), WITHIN_S, "it did not end in the dead letter queue")
    assert len(stack.crm.taken) > before
    stack.crm.answers.clear()
    before = len(stack.crm.taken)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=kept)
    sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    until(lambda: len(stack.crm.taken) == before + 1, WITHIN_S, "what was redriven was not delivered")
    stack.made.drained("WebhooksQueue", WITHIN_S)


def _taken(sqs: Any, queue: str) -> Any:
    return next(iter(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", [])), None)


def suppressions(stack: Stack) -> None:
    key = stack.key_of("mizani", "campaigns:read", "campaigns:write")
    named = {"number": "+254720000009"}
    _said(stack, key, "POST", "/suppressions", {**named, "reason": "a letter"})
    assert _said(stack, key, "POST", "/suppressions/find", named)["stands"]
    assert len(_said(stack, key, "GET", "/suppressions")["suppressions"]) == 1
    assert not _said(stack, key, "POST", "/suppressions/lift", {**named, "reason": "a mistake"})["stands"]


def nothing_is_dead(stack: Stack) -> None:
    """Of all that was set off nothing has failed five times."""
    for name in stack.made.resources:
        if name.endswith("DeadQueue"):
            stack.made.drained(name, WITHIN_S)


DRIVES: tuple[Drive, ...] = (
    schedules,
    doors,
    a_booking,
    a_hand_off,
    a_lost_bridge,
    a_call_that_is_asked_for,
    accounts,
    a_parcel,
    a_report,
    a_campaign,
    a_refused_webhook,
    suppressions,
    nothing_is_dead,
)
