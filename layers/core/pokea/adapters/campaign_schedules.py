"""Schedules of campaigns at EventBridge Scheduler: one for each campaign, in a group of their own.

When one comes due the scheduler invokes the planner's function with `{"campaign_due": {"business": …, "campaign": …}}`. Putting and
deleting can be repeated; who loses a race writes the same as who wins it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

from pokea.errors import Unavailable
from pokea.ids import BusinessId

AT = "at("
DUE = "campaign_due"
RETRIED_S = 3_600  # a campaign that could not be started within an hour is somebody's business
RETRIES = 60


class Scheduler(Protocol):
    """The part of boto3's client that is used; its stubs are not installed."""

    exceptions: Any

    def create_schedule(self, **given: Any) -> Any: ...
    def update_schedule(self, **given: Any) -> Any: ...
    def delete_schedule(self, **given: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class CampaignSchedules:
    """`group`: name of the schedule group. `role`: ARN of what the scheduler may do. `target`: ARN of the function, alias-qualified."""

    client: Scheduler
    group: str
    role: str
    target: str

    def put(self, business_id: BusinessId, campaign_id: str, expression: str, zone: str) -> None:
        """`expression`: at(…), rate(…) or cron(…), on the clock of `zone`. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        given = self._given(business_id, campaign_id, expression, zone)
        try:
            try:
                self.client.create_schedule(**given)
            except self.client.exceptions.ConflictException:
                self.client.update_schedule(**given)
        except (BotoCoreError, ClientError) as problem:
            raise _not_taken(problem) from None

    def delete(self, business_id: BusinessId, campaign_id: str) -> None:
        """Also where there is none. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            try:
                self.client.delete_schedule(Name=name_of(business_id, campaign_id), GroupName=self.group)
            except self.client.exceptions.ResourceNotFoundException:
                return
        except (BotoCoreError, ClientError) as problem:
            raise _not_taken(problem) from None

    def _given(self, business_id: BusinessId, campaign_id: str, expression: str, zone: str) -> dict[str, Any]:
        return {
            "Name": name_of(business_id, campaign_id),
            "GroupName": self.group,
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            # What happens once leaves nothing behind; the others go with their campaign.
            "ActionAfterCompletion": "DELETE" if expression.startswith(AT) else "NONE",
            "Target": {
                "Arn": self.target,
                "RoleArn": self.role,
                "Input": json.dumps({DUE: {"business": business_id, "campaign": campaign_id}}),
                "RetryPolicy": {"MaximumEventAgeInSeconds": RETRIED_S, "MaximumRetryAttempts": RETRIES},
            },
        }


def name_of(business_id: BusinessId, campaign_id: str) -> str:
    """Of a schedule: both ids together may be longer than a name may be."""
    return "campaign-" + hashlib.sha256(f"{business_id}\n{campaign_id}".encode()).hexdigest()[:40]


def _not_taken(problem: Exception) -> Unavailable:
    return Unavailable("scheduler_unavailable", f"the scheduler did not take it ({type(problem).__name__})")
