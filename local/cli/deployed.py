"""What an AWS account says of a deployed stack: its outputs and parameters, its resources, its secrets.

Credentials and region are those of the environment (`AWS_*`, `--region`); `AWS_ENDPOINT_URL` points the same calls at a stand-in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pokea.errors import CallError, Denied, NotFound, Unavailable
from pokea.sautikit.number_routes import Deployed

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
_REFUSED = (
    "AccessDenied",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
)


@dataclass(frozen=True)
class Door:
    """Which AWS is meant: that of the environment, or a stand-in at `endpoint` with made-up credentials."""

    region: str = ""
    endpoint: str = ""
    lambda_endpoint: str = ""

    def keys(self, service: str) -> dict[str, Any]:
        if not self.endpoint:
            return {}
        url = self.lambda_endpoint if service == "lambda" else self.endpoint
        return {"endpoint_url": url, "aws_access_key_id": "local", "aws_secret_access_key": "local"}


@cache
def client(service: str, door: Door) -> Any:
    """Raises CallError where no region is known."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 2, "mode": "standard"},
        user_agent_extra="pokea",
    )
    try:
        return boto3.session.Session(region_name=door.region or None).client(
            service, config=config, **door.keys(service)
        )
    except BotoCoreError as problem:
        raise aws_error(problem) from None


def aws_error(problem: Exception) -> CallError:
    """One of ours for what boto3 raised: the account refuses us, does not know what was named, or cannot be reached."""
    from botocore.exceptions import (
        ClientError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    if isinstance(problem, NoCredentialsError | PartialCredentialsError):
        return Denied("aws_no_credentials", "no AWS credentials were found (AWS_PROFILE, AWS_ACCESS_KEY_ID…)")
    if isinstance(problem, ProfileNotFound):
        return Denied("aws_no_credentials", "AWS_PROFILE names a profile that does not exist")
    if isinstance(problem, NoRegionError):
        return Denied("aws_no_region", "no AWS region is set (--region or AWS_REGION)")
    if not isinstance(problem, ClientError):
        return Unavailable("aws_unreachable", f"AWS could not be reached ({type(problem).__name__})")
    code = str(problem.response.get("Error", {}).get("Code", ""))
    text = str(problem.response.get("Error", {}).get("Message", ""))[:200]
    if any(code.startswith(refused) for refused in _REFUSED):
        return Denied("aws_refused", f"AWS refused: {code}")
    if any(word in code for word in ("NotFound", "NonExistent", "DoesNotExist", "NoSuch")) or "does not exist" in text:
        return NotFound("aws_not_found", f"AWS does not know it: {text}")
    return Unavailable("aws_failed", f"AWS answered {code}: {text}")


def read_stack(name: str, region: str = "") -> Deployed:
    """Raises NotFound, Denied and Unavailable, each with one line."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        stack = client("cloudformation", Door(region)).describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError, IndexError, KeyError) as problem:
        error = aws_error(problem)
        raise type(error)(error.code, f"stack {name}: {error.message}") from None
    return Deployed(
        outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())},
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())},
    )


def read_secret(secret_id: str, region: str = "") -> Mapping[str, str]:
    """The secrets of a deployment, by name; those that are empty are left out. Raises NotFound, Denied and Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        values = json.loads(client("secretsmanager", Door(region)).get_secret_value(SecretId=secret_id)["SecretString"])
    except (BotoCoreError, ClientError, KeyError) as problem:
        error = aws_error(problem)
        raise type(error)(error.code, f"secret {secret_id}: {error.message}") from None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Denied("bad_secret", f"secret {secret_id}: is not a JSON object")
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def resources_of(name: str, region: str = "") -> Mapping[str, tuple[str, str]]:
    """Logical id → (CloudFormation type, physical id). Raises as `read_stack` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, tuple[str, str]] = {}
    try:
        for page in (
            client("cloudformation", Door(region)).get_paginator("list_stack_resources").paginate(StackName=name)
        ):
            for one in page["StackResourceSummaries"]:
                found[one["LogicalResourceId"]] = (one["ResourceType"], one.get("PhysicalResourceId", ""))
    except (BotoCoreError, ClientError) as problem:
        raise aws_error(problem) from None
    return found


def environment_of(function: str, region: str = "") -> Mapping[str, str]:
    """The settings of a deployed function. Raises as `read_stack` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = client("lambda", Door(region)).get_function_configuration(FunctionName=function)
    except (BotoCoreError, ClientError) as problem:
        raise aws_error(problem) from None
    variables: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
    return variables


def container_environment(task_definition: str, region: str = "") -> Mapping[str, str]:
    """The settings of a service's containers. Raises as `read_stack` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = client("ecs", Door(region)).describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    except (BotoCoreError, ClientError) as problem:
        raise aws_error(problem) from None
    containers = found.get("containerDefinitions", ())
    return {one["name"]: one["value"] for container in containers for one in container.get("environment", ())}
