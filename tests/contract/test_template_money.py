"""template.yaml: what must hold of money that is spent and money that runs out."""

from __future__ import annotations

from typing import Any

import pytest

from pokea.billing.wallet import ACCOUNT, READ_EVERY
from tests.contract.test_template import RESOURCES, of_type, statements
from tests.support.template_view import resolved

ALARMS = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]


def alarm_on(metric: str) -> dict[str, Any]:
    (found,) = [alarm for alarm in ALARMS if alarm["MetricName"] == metric]
    return dict(found)


@pytest.mark.parametrize(
    ("metric", "service", "period", "evaluations"),
    [
        ("SpendCapReached", "spend", 60, 1), ("WalletLow", "wallet", 300, 1), ("WalletEmpty", "wallet", 300, 1),
        ("WalletNotRead", "wallet", 300, 3), ("CdrUnrated", "cdr", 300, 1), ("CarrierNotAsked", "cdr", 300, 3),
        ("CarrierListEndless", "cdr", 300, 1),
    ],
)  # fmt: skip
def test_money_that_is_short_is_told_of(metric: str, service: str, period: int, evaluations: int) -> None:
    alarm = alarm_on(metric)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": service}]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (period, evaluations)


def test_a_wallet_function_that_fails_as_a_whole_is_told_of() -> None:
    function = [{"Name": "FunctionName", "Value": {"Ref": "WalletFunction"}}]
    (failed,) = [alarm for alarm in ALARMS if alarm["Dimensions"] == function]
    assert (failed["Namespace"], failed["MetricName"]) == ("AWS/Lambda", "Errors")


def test_the_wallet_is_read_as_often_as_the_age_of_a_reading_assumes() -> None:
    properties = RESOURCES["WalletFunction"]["Properties"]
    (schedule,) = [event["Properties"]["Schedule"] for event in properties["Events"].values()]
    assert schedule == f"rate({READ_EVERY.seconds // 60} minutes)"
    assert resolved(properties["ReservedConcurrentExecutions"], {"ReservesConcurrency"}) == 1


def test_the_wallet_function_may_touch_the_wallet_alone() -> None:
    (keys,) = [s for name, s in statements() if name == "WalletRole" and s["Sid"] == "UseOwnKeys"]
    assert keys["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == [f"REC#{ACCOUNT}#*"]


def test_who_rings_may_tell_of_spending_caps() -> None:
    for function in ("ApiFunction", "ToolsFunction", "ProactiveFunction", "WalletFunction"):
        variables = RESOURCES[function]["Properties"]["Environment"]["Variables"]
        assert variables["POKEA_EVENT_BUS"] == {"Ref": "EventBus"}, function
        role = function.removesuffix("Function") + "Role"
        granted = [s for name, s in statements() if name == role and s["Action"] == "events:PutEvents"]
        assert [s["Resource"] for s in granted] == [{"Fn::GetAtt": "EventBus.Arn"}], function


def test_deliveries_that_wait_for_money_go_back_to_their_queue() -> None:
    variables = RESOURCES["ProactiveFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["POKEA_DELIVERIES_QUEUE_URL"] == {"Ref": "DeliveriesQueue"}
    sends = [s for name, s in statements() if name == "ProactiveRole" and s["Action"] == "sqs:SendMessage"]
    assert [s["Resource"] for s in sends] == [{"Fn::GetAtt": "DeliveriesQueue.Arn"}]
