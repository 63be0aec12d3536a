"""GET /tasks and POST /tasks/{kind}/{id}/done through the real application: everybody who was promised a call is found, once."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from functions.api.app import make_app
from functions.api.tasks import TaskDesk
from functions.api.wiring import Api
from pokea.adapters.observability import Log
from pokea.clock import ManualClock
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import Unauthorized
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, Lead
from pokea.messages import MESSAGE, Message
from pokea.phone_numbers import E164
from pokea.sautikit.callbacks import CallbackTask
from pokea.waiting import WAITING, Waiting, WaitingState
from tests.fakes.memory_store import MemoryStore
from tests.support.control_plane import PROFILES, MemoryCallbackTasks

CLINIC, OTHER = BusinessId("whitedent"), BusinessId("kasi")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBER = E164("+254722000111")
SCOPES = {
    "both": (CLINIC, {"tasks:read", "tasks:write"}),
    "reader": (CLINIC, {"tasks:read"}),
    "other": (OTHER, {"tasks:read", "tasks:write"}),
    "caller": (CLINIC, {"calls:write"}),
}
CALLBACK = CallbackTask(
    session_id=SessionId("HD_3"), business_id=CLINIC, number=None, reason="model_lost",
    created_at=NOW - timedelta(hours=3), notes=("caller: Hi",),
)  # fmt: skip


class Grant:
    def __init__(self, business_id: BusinessId, scopes: set[str]) -> None:
        self.business_id, self.scopes = business_id, frozenset(scopes)


class Keys:
    def find(self, key: str) -> Grant:
        if key not in SCOPES:
            raise Unauthorized("bad_api_key")
        return Grant(*SCOPES[key])


def message(message_id: str = "M1", taken_at: datetime = NOW - timedelta(hours=1), day: date | None = None) -> Message:
    return Message(
        business_id=CLINIC, message_id=message_id, session_id=SessionId("HD_1"), name="Amina", number=NUMBER,
        text="please call me back", department="front", language="en", taken_at=taken_at, day=day or taken_at.date(),
    )  # fmt: skip


def waiting(state: WaitingState = WaitingState.OFFERED) -> Waiting:
    return Waiting(
        business_id=CLINIC, entry_id="W1", service="cleaning", practitioner="", first_day=NOW.date(), last_day=NOW.date(),
        name="Juma", number=NUMBER, session_id=SessionId("HD_2"), asked_at=NOW - timedelta(hours=2), state=state,
        offered_start=NOW + timedelta(hours=5),
    )  # fmt: skip


def lead() -> Lead:
    return Lead(
        business_id=CLINIC, session_id=SessionId("HD_4"), number=NUMBER, language="en", began_at=NOW - timedelta(hours=4),
        call_again="tomorrow at ten", call_again_at=NOW + timedelta(days=1),
    )  # fmt: skip


class Shop:
    """A business's view of whom it owes a call."""

    client: TestClient | None = None
    api: Any = None

    def __init__(self) -> None:
        self.store, self.callbacks = MemoryStore(), MemoryCallbackTasks()
        self.store.put(MESSAGE.of(message()))
        self.store.put(WAITING.of(waiting()))
        self.store.put(LEAD.of(lead()))
        self.callbacks.add(CALLBACK)
        desk = TaskDesk(
            store=lambda: self.store,
            callbacks=lambda: self.callbacks,
            profiles=lambda: PROFILES,
            clock=ManualClock(NOW),
        )
        others: dict[str, Any] = {part.name: None for part in fields(Api) if part.name not in ("keys", "tasks", "edge")}
        Shop.api = Api(keys=Keys, tasks=desk, **others)

    def get(self, query: str = "", key: str = "both") -> list[dict[str, Any]]:
        reply = _client.get(f"/tasks{query}", headers={"authorization": f"Bearer {key}"})
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()
        return found

    def done(self, task: str, key: str = "both") -> int:
        return _client.post(f"/tasks/{task}/done", headers={"authorization": f"Bearer {key}"}).status_code


_client = TestClient(make_app(lambda: Shop.api, Log("api-of-tasks", io.StringIO())), raise_server_exceptions=False)
ALL = ["message/M1", "waiting/W1", "callback/HD_3", "lead/HD_4"]


def names(tasks: list[dict[str, Any]]) -> list[str]:
    return [f"{task['kind']}/{task['id']}" for task in tasks]


def test_everybody_who_was_promised_a_call_is_listed_newest_first() -> None:
    found = Shop().get()
    assert names(found) == ALL
    of_kind = {task["kind"]: task for task in found}
    assert (of_kind["message"]["text"], of_kind["message"]["department"]) == ("please call me back", "front")
    assert (of_kind["waiting"]["service"], of_kind["waiting"]["due"]) == ("cleaning", "2026-11-23T14:00:00Z")
    assert (of_kind["callback"]["number"], of_kind["callback"]["notes"]) == (None, ["caller: Hi"])
    assert (of_kind["lead"]["text"], of_kind["lead"]["due"]) == ("tomorrow at ten", "2026-11-24T09:00:00Z")


@pytest.mark.parametrize("task", ALL)
def test_what_is_done_is_listed_no_more_and_may_be_done_again(task: str) -> None:
    shop = Shop()
    assert (shop.done(task), shop.done(task)) == (200, 200)
    assert names(shop.get()) == [other for other in ALL if other != task]


def test_one_kind_and_one_day_may_be_asked_for() -> None:
    shop = Shop()
    late = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)  # in Nairobi it is already the 22nd
    shop.store.put(MESSAGE.of(message("M0", late, date(2026, 11, 22))))
    shop.store.put(MESSAGE.of(message("M-1", NOW - timedelta(days=40))))
    assert names(shop.get("?kind=message")) == ["message/M1", "message/M0"]
    assert names(shop.get("?day=2026-11-22")) == ["message/M0"]
    assert names(shop.get("?day=2026-10-14")) == ["message/M-1"]


def test_another_business_sees_and_ends_nothing() -> None:
    shop = Shop()
    assert shop.get(key="other") == []
    assert {shop.done(task, key="other") for task in ALL} == {404}
    assert names(shop.get()) == ALL


def test_keys_are_asked_for_their_scopes() -> None:
    shop = Shop()
    assert _client.get("/tasks").status_code == 401
    assert _client.get("/tasks", headers={"authorization": "Bearer caller"}).status_code == 403
    assert shop.done(ALL[0], key="reader") == 403
    assert len(shop.get(key="reader")) == 4


def test_what_is_no_task_is_not_found_and_who_still_waits_is_left_on_the_list() -> None:
    shop = Shop()
    shop.store.put(WAITING.of(replace(waiting(WaitingState.WAITING), entry_id="W2")))
    assert "waiting/W2" not in names(shop.get())
    assert [shop.done(task) for task in ("waiting/W2", "message/M9", "lead/HD_9", "callback/HD_9", "house/M1")] == [
        404, 404, 404, 404, 400,
    ]  # fmt: skip
    assert shop.store.record(WAITING, CLINIC, "W2").state is WaitingState.WAITING  # type: ignore[union-attr]


def test_a_lead_that_asked_not_to_be_called_is_not_listed() -> None:
    shop = Shop()
    asked = Suppression(
        business_id=CLINIC, digest=number_digest(CLINIC, NUMBER), session_id=SessionId("HD_5"), asked_at=NOW
    )
    shop.store.put(SUPPRESSION.of(asked))
    assert "lead/HD_4" not in names(shop.get())
