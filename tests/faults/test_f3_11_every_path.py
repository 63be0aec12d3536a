"""F3.11, the template itself: built for this machine, deployed to the emulator, driven from outside; and once more with IAM enforced.

Every function, every event of each, every rule of the bus and every group of schedules is used at least once. The list is computed from
the template, so one that is new and not driven fails here. Calls are placed and told of by the simulated carrier over HTTPS, streams end
at a media server that says nothing, and the bridge's own calls of the tools function are made by the test.

What the emulator cannot show, and what stands in for it:
- It reads no OpenAPI body: the routes are made from the processed template. So throttling and access logs are not exercised.
- It knows no `dynamodb:LeadingKeys`: every request of a function is witnessed and held against the template's own conditions.
- It speaks plain HTTP: requests of functions are marked as those of a proxy that took them over TLS, or buckets would refuse them.
- The Ref of a secret is its name there and its ARN in AWS: in the deployed copy, policies name it by its Id, which is the ARN in both.
- It takes every schedule for one of the group "default", and a batch of messages for an action of its own, which to AWS is SendMessage:
  the deployed copy's policies allow these, too. So the schedules' group is not shown, nor who may send in batches.
- It knows no zones of schedules: a campaign's is set for a time by UTC.
- It polls queues and fires schedules without asking the roles that AWS asks: TakeMessages, the rules' own permissions and the role of
  campaigns' schedules are not shown. Nor is what a service writes by itself: logs.
- Nobody but ECS may tell of its tasks: that the rule takes such an event is asked, and the event then comes from another source.
- Times between tries are shortened where they are minutes: rules of schedules come every minute, a refused webhook again after seconds.
- It runs functions on its own Python with a new unpacked layer for each worker: no timeout, memory or cold start is shown, and the
  deployed copy's functions have two minutes at least.
- The simulated carrier's REST is plain HTTP, which CarrierApiBase refuses: functions find it in their emulator's environment.
- The bridge is left out by the template's own condition, as in a first deployment: ECS runs nothing there, and of the bridge's
  resources scaling and the rules of security groups are rejected. tests/contract/test_template_bridge.py asserts those.
- Profiles are read from a folder, open at all hours, because nobody is rung at an hour when the law forbids it; so those in the layer
  are not. A key of one's own, the edge, recordings, alarms and what CloudWatch does with log lines are never looked at.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import ROOT
from local.template_file import plain
from tests.support.aws_witness import breaches
from tests.support.deployed import Processed, alone, built_template, zipped
from tests.support.deployed_drives import DRIVES
from tests.support.deployed_paths import undriven
from tests.support.deployed_roles import not_refused
from tests.support.deployed_stack import Stack, account

pytestmark = pytest.mark.faults
# Routes that are there to refuse: a deployment without a secret in the path uses them, and this one wants both proofs.
REFUSE = dict.fromkeys(
    ("POST /", "POST /voice", "POST /stream-status", "POST /call-events"),
    "hooks prove themselves by path and signature here",
)
NOT_DRIVEN: dict[str, str] = {}  # function and event, and why it cannot be
Made = tuple[Processed, dict[str, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The processed template and its zipped artefacts."""
    with alone():
        built = subprocess.run(["make", "build", "HOST=1"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout[-2_000:] + built.stderr[-2_000:]
        return built_template(), zipped(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module", params=["open", "enforced"])
def stack(request: pytest.FixtureRequest, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    template, code = made
    with account(code, tmp_path_factory.mktemp(request.param), enforces=request.param == "enforced") as there:
        yield there.deployed(template)


def test_every_path_of_the_template_is_driven_and_nothing_is_refused(stack: Stack) -> None:
    """One test, because what is looked at in the end is all that was driven."""
    for drive in DRIVES:
        drive(stack)
    written = plain(ROOT / "template.yaml")
    assert undriven(written, stack, REFUSE).keys() == NOT_DRIVEN.keys(), undriven(written, stack, REFUSE)
    assert [(each.function, each.target, each.said) for each in stack.seen.denied()] == []
    assert breaches(stack.template, stack.made.resources, stack.asked) == set()
    if stack.enforces:
        assert not_refused(stack) == {}, "roles that can do without a statement that they have just used"
