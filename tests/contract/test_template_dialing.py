"""The queue and the function that ring people for campaigns, as template.yaml declares them."""

from __future__ import annotations

from tests.contract.test_template import RESOURCES


def test_a_message_is_one_attempt_and_ends_in_a_dead_letter_queue_with_an_alarm() -> None:
    queue = RESOURCES["DialQueue"]["Properties"]
    function = RESOURCES["DialerFunction"]["Properties"]
    source = function["Events"]["Dial"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": "DialDeadQueue.Arn"}
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert source["Queue"] == {"Fn::GetAtt": "DialQueue.Arn"} and source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "ReservedConcurrentExecutions" not in function  # which would spend deliveries
    alarm = RESOURCES["DialDeadAlarm"]["Properties"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": "DialDeadQueue.QueueName"}}]


def test_the_dialer_touches_its_own_keys_only() -> None:
    statements = RESOURCES["DialerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    named = {statement["Sid"]: statement for statement in statements}
    core = named["UseOwnKeys"]
    assert core["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == [
        "CALL#*", "REC#*", "LOOK#*#suppression#*"
    ]  # fmt: skip
    assert core["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem"]
    assert named["GiveChannelsBack"]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["LIVE#*"]
    assert named["PutBackForSeconds"]["Resource"] == {"Fn::GetAtt": "DialQueue.Arn"}


def test_campaigns_are_kept_as_safely_as_calls() -> None:
    table = RESOURCES["CampaignsTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["SSESpecification"]["SSEEnabled"]
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
