"""template.yaml: what must hold of the planner of campaigns and of what starts them."""

from __future__ import annotations

from typing import Any

from pokea.adapters import campaign_items as items
from pokea.adapters.campaign_schedules import name_of
from pokea.campaigns.planning import CLAIM_LOST, PLAN_S
from pokea.ids import BusinessId
from tests.contract.test_template import RESOURCES, assert_failures_are_told_of, of_type, statements

FUNCTION = RESOURCES["CampaignsFunction"]["Properties"]
TARGET = "function:${AWS::StackName}-campaigns:live"


def granted(role: str, sid: str) -> dict[str, Any]:
    (found,) = [statement for name, statement in statements() if name == role and statement["Sid"] == sid]
    return found


def test_a_plan_reaches_as_far_as_the_next_one() -> None:
    assert FUNCTION["Events"]["EveryMinute"]["Properties"]["Schedule"] == "rate(1 minute)"
    assert PLAN_S == 60 > FUNCTION["Timeout"]


def test_a_claim_lapses_after_its_message_was_tried_and_not_before() -> None:
    queue = RESOURCES["DialQueue"]["Properties"]
    assert CLAIM_LOST.total_seconds() > queue["VisibilityTimeout"] + 2 * PLAN_S


def test_the_scheduler_may_start_campaigns_and_nobody_else_may_have_its_role() -> None:
    role = RESOURCES["CampaignScheduleRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": "CampaignSchedules.Arn"}}
    invoke = granted("CampaignScheduleRole", "StartCampaigns")
    assert invoke["Action"] == "lambda:InvokeFunction" and invoke["Resource"]["Fn::Sub"].endswith(TARGET)
    handed = granted("CampaignsRole", "HandTheSchedulerItsRole")
    assert handed["Resource"] == {"Fn::GetAtt": "CampaignScheduleRole.Arn"}
    assert handed["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_schedules_are_set_in_their_own_group_and_under_their_own_names() -> None:
    variables = FUNCTION["Environment"]["Variables"]
    assert variables["POKEA_CAMPAIGN_SCHEDULES"] == {"Ref": "CampaignSchedules"}
    assert variables["POKEA_CAMPAIGN_SCHEDULE_TARGET"]["Fn::Sub"].endswith(TARGET)
    resource = granted("CampaignsRole", "SetSchedules")["Resource"]["Fn::Sub"]
    prefix = resource.rpartition("/")[2].removesuffix("*")
    assert name_of(BusinessId("mizani"), "year-end").startswith(prefix)
    assert len(name_of(BusinessId("b" * 64), "c" * 64)) <= 64


def test_a_planner_that_fails_is_told_of() -> None:
    assert_failures_are_told_of("CampaignsFunction")
    alarms = {alarm["Properties"]["MetricName"] for alarm in of_type("AWS::CloudWatch::Alarm").values()}
    assert {"CampaignNotPlanned", "InvocationDroppedCount"} <= alarms


def test_the_planner_may_write_every_item_that_it_writes() -> None:
    """Claims move contacts with their tallies, lost calls give attempts back, and how far the carrier's list was read is noted."""
    keys = granted("CampaignsRole", "PlanAndSteer")["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    business, campaign = BusinessId("boda"), "spring"
    written = [
        items.campaigns_partition(business),
        items.contacts_partition(business, campaign, 0),
        items.tally_partition(business, campaign),
        items.attempts_key(business, "c")[0],
        items.search_key(business, campaign)[0],
    ]
    assert {f"{partition.split('#')[0]}#*" for partition in written} <= set(keys)
