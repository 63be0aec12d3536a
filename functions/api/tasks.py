"""GET /tasks: whom a business owes a call, and POST /tasks/{kind}/{id}/done: that it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from functions.api.doorman import TASKS_READ, TASKS_WRITE, holder
from functions.api.schemas import ERRORS
from pokea.clock import Clock
from pokea.errors import NotFound
from pokea.ids import BusinessId
from pokea.ports import Store
from pokea.profile import Profile
from pokea.sautikit.callbacks import CallbackQueue
from pokea.tasks import Ledger, Task, TaskKind

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log


class OwedCall(BaseModel):
    """Somebody who was told that the business will call."""

    kind: TaskKind
    id: str
    created_at: datetime
    number: Annotated[str | None, Field(description="E.164; null where it was withheld")]
    name: str
    text: Annotated[str, Field(description="The message, a lead's words for when, or why a call was lost")]
    notes: list[str]
    department: str
    service: str
    due: Annotated[datetime | None, Field(description="The time that became free, or when a lead wants to be called")]


class TaskDone(BaseModel):
    kind: TaskKind
    id: str


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.get("/tasks", responses=ERRORS)
    def tasks(
        business_id: Annotated[BusinessId, Depends(holder(TASKS_READ))],
        kind: TaskKind | None = None,
        day: Annotated[date | None, Query(description="The business's own date on which it came in")] = None,
    ) -> list[OwedCall]:
        return [_owed(task) for task in provide().tasks.open_tasks(business_id, kind, day)]

    @routes.post("/tasks/{kind}/{id}/done", responses=ERRORS)
    def done(
        kind: TaskKind,
        id: Annotated[str, Path(max_length=200)],
        business_id: Annotated[BusinessId, Depends(holder(TASKS_WRITE))],
    ) -> TaskDone:
        provide().tasks.done(business_id, kind, id)
        log.info("task done", business_id=business_id)
        return TaskDone(kind=kind, id=id)

    return routes


class TaskDesk:
    def __init__(
        self,
        *,
        store: Callable[[], Store],
        callbacks: Callable[[], CallbackQueue],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._callbacks = callbacks
        self._profiles = profiles
        self._clock = clock

    def open_tasks(self, business_id: BusinessId, kind: TaskKind | None, day: date | None) -> tuple[Task, ...]:
        """Newest first."""
        return self._ledger(business_id).open_tasks(self._clock.now(), kind, day)

    def done(self, business_id: BusinessId, kind: TaskKind, task_id: str) -> None:
        """The same task may be marked again. Raises NotFound."""
        if not self._ledger(business_id).done(kind, task_id, self._clock.now()):
            raise NotFound("no_such_task", "there is no such task")

    def _ledger(self, business_id: BusinessId) -> Ledger:
        profile = self._profiles().get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        return Ledger(self._store(), self._callbacks(), business_id, profile.tz)


def _owed(task: Task) -> OwedCall:
    return OwedCall(
        kind=task.kind,
        id=task.task_id,
        created_at=task.created_at,
        number=task.number,
        name=task.name,
        text=task.text,
        notes=list(task.notes),
        department=task.department,
        service=task.service,
        due=task.due,
    )
