"""Schedules of campaigns at the local AWS: set, changed and deleted, each any number of times."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from local.aws import REGION
from local.campaign_schedules import CampaignSchedules as Fired
from local.campaign_schedules import make_group
from pokea.adapters.campaign_schedules import CampaignSchedules, name_of
from pokea.adapters.system_clock import SystemClock
from pokea.errors import Unavailable
from pokea.ids import BusinessId
from tests.support.store import RunningAws

BUSINESS = BusinessId("mizani")


def client_of(endpoint: str) -> Any:
    return boto3.client(
        "scheduler",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=1),
    )


async def test_a_schedule_is_set_changed_read_and_deleted(local_aws: RunningAws) -> None:
    group = f"campaigns-{uuid4().hex[:8]}"
    with contextlib.closing(client_of(local_aws.aws.endpoint_url)) as client:
        make_group(client, group)
        make_group(client, group)
        schedules = CampaignSchedules(
            client, group, "arn:aws:iam::000000000000:role/local", "arn:aws:lambda:x:0:function:f"
        )
        schedules.put(BUSINESS, "year-end", "rate(1 day)", "Africa/Nairobi")
        schedules.put(BUSINESS, "year-end", "cron(0 9 ? * MON-FRI *)", "Africa/Nairobi")
        found = client.get_schedule(Name=name_of(BUSINESS, "year-end"), GroupName=group)
        assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == (
            "cron(0 9 ? * MON-FRI *)", "Africa/Nairobi",
        )  # fmt: skip
        assert json.loads(found["Target"]["Input"]) == {"campaign_due": {"business": "mizani", "campaign": "year-end"}}
        nobody: Any = None
        reader = Fired(nobody, group, lambda: client, SystemClock())
        assert list(await asyncio.to_thread(reader._read)) == [name_of(BUSINESS, "year-end")]
        schedules.delete(BUSINESS, "year-end")
        schedules.delete(BUSINESS, "year-end")
        assert client.list_schedules(GroupName=group)["Schedules"] == []


def test_a_scheduler_that_does_not_answer_is_unavailable() -> None:
    with contextlib.closing(client_of("http://127.0.0.1:1")) as client:
        schedules = CampaignSchedules(client, "group", "role", "target")
        with pytest.raises(Unavailable):
            schedules.put(BUSINESS, "year-end", "rate(1 day)", "Africa/Nairobi")
        with pytest.raises(Unavailable):
            schedules.delete(BUSINESS, "year-end")
