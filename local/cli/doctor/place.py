"""Which set-up is looked at: a stack in AWS, the running local stack, or what this shell's environment names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from local.cli.deployed import (
    Door,
    client,
    container_environment,
    environment_of,
    read_secret,
    read_stack,
    resources_of,
)
from local.cli.running import ADDRESS_FILE
from pokea.adapters.sautikit_dialects import dialect_of
from pokea.adapters.sautikit_rest import DEFAULT_BASE, CarrierSettings
from pokea.errors import CallError, RejectedInput
from pokea.lines import PACKAGED
from pokea.sautikit.number_routes import Deployed, Route, our_route
from pokea.sautikit.signature import WebhookAuth

# what a stack's outputs and parameters are called, for whoever may read those and not the functions' settings
NAMES = {
    "POKEA_PUBLIC_URL": ("PublicUrl", "ApiEndpoint"),
    "POKEA_BRIDGE_URL": ("BridgeUrl",),
    "POKEA_RELEASE": ("Release",),
    "POKEA_WEBHOOK_AUTH": ("WebhookAuth",),
    "POKEA_CORE_TABLE": ("CoreTableName",),
    "POKEA_CDRS_TABLE": ("CdrsTableName",),
    "POKEA_CDR_QUEUE_URL": ("CdrQueueUrl",),
    "POKEA_TOOLS_FUNCTION": ("ToolsFunction",),
    "POKEA_SECRETS_ID": ("SecretsArn",),
}
SECRET_ENDS = ("_KEY", "_SECRET")


def is_secret(name: str) -> bool:
    return name.endswith(SECRET_ENDS)


@dataclass(frozen=True, kw_only=True)
class Examined:
    """`settings`: of all processes, secrets included; `processes`: those of each deployed one, by its name in the template.

    `is_complete`: the settings are all that the processes have, so one that is not there is missing. `unread`: why some could not be
    read. `hook_logs`: where the gateway of a local stack logs. `where`: what follows `pokea numbers route NUMBER`.
    """

    name: str
    settings: Mapping[str, str] = field(repr=False)
    processes: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    is_complete: bool = False
    unread: str = ""
    profiles_dir: Path = PACKAGED
    door: Door = field(default_factory=Door)
    hook_logs: Path | None = None
    resources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    is_deployed: bool = False
    where: str = ""

    @property
    def secrets(self) -> Iterator[str]:
        """Values that must never be printed, longest first."""
        values = {
            part for name, value in self.settings.items() if is_secret(name) for part in (value, *value.split(","))
        }
        return iter(sorted((value.strip() for value in values if len(value.strip()) >= 8), key=len, reverse=True))

    @property
    def auth(self) -> WebhookAuth:
        try:
            return WebhookAuth(self.settings.get("POKEA_WEBHOOK_AUTH", "") or WebhookAuth.PATH.value)
        except ValueError:
            return WebhookAuth.PATH  # the check of settings names it

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where hooks are taken, by the newest secret first. Raises RejectedInput where that is not known."""
        url = self.settings.get("POKEA_PUBLIC_URL", "")
        if not url:
            raise RejectedInput("no_public_url", "POKEA_PUBLIC_URL is not set")
        secrets = [
            part.strip() for part in self.settings.get("POKEA_WEBHOOK_PATH_SECRET", "").split(",") if part.strip()
        ]
        is_plain = url.startswith(
            "http://"
        )  # the check of the hooks says what is wrong with that; the numbers go there all the same
        safe = url.replace("http://", "https://", 1)
        found = [our_route(safe, secret, self.auth) for secret in secrets or [""]]
        return tuple(_plain(route) for route in found) if is_plain else tuple(found)

    @cached_property
    def carrier(self) -> CarrierSettings | None:
        """None without a key. Raises RejectedInput."""
        key = self.settings.get("SAUTIKIT_API_KEY", "")
        base = self.settings.get("SAUTIKIT_API_BASE", "") or DEFAULT_BASE
        return CarrierSettings(key, base, dialect_of(self.settings)) if key else None


def _plain(route: Route) -> Route:
    return Route(*(url.replace("https://", "http://", 1) for url in (route.voice_url, route.events_url)))


@dataclass(frozen=True)
class Asked:
    state: Path
    stack: str = ""
    region: str = ""
    profiles: Path | None = None


def examined(asked: Asked, environ: Mapping[str, str]) -> Examined:
    """Raises NotFound, Denied, Unavailable for a stack that cannot be read, RejectedInput where there is nothing to look at."""
    place = _stack(asked, environ) if asked.stack else _running(asked, environ) or _environment(environ)
    folder = asked.profiles or place.settings.get("POKEA_PROFILES_DIR", "") or PACKAGED
    return replace(place, profiles_dir=Path(folder))


def _environment(environ: Mapping[str, str]) -> Examined:
    ours = {name: value for name, value in environ.items() if _is_ours(name) and value}
    if not ours:
        raise RejectedInput(
            "nothing_to_look_at", "no stack runs here (`pokea up`), no --stack is given, and no setting of Pokea is set"
        )
    region = environ.get("AWS_REGION", "") or environ.get("AWS_DEFAULT_REGION", "")
    return Examined(
        name="this environment",
        settings=ours,
        door=Door(region),
    )


def _is_ours(name: str) -> bool:
    return name.startswith(("POKEA_", "SAUTIKIT_", "GEMINI_", "OPENAI_", "GOOGLE_"))


def _running(asked: Asked, environ: Mapping[str, str]) -> Examined | None:
    try:
        told: dict[str, Any] = json.loads((asked.state / ADDRESS_FILE).read_text(encoding="utf-8"))
        secrets: dict[str, str] = json.loads((asked.state / "secrets.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    settings = {name: value for name, value in environ.items() if _is_ours(name) and value}
    settings |= told.get("settings", {})
    settings |= {
        "POKEA_WEBHOOK_PATH_SECRET": secrets.get("webhook_path_secret", ""),
        "POKEA_TOKEN_KEY": secrets.get("token_key", ""),
        "SAUTIKIT_API_KEY": secrets.get("carrier_api_key", ""),
        "SAUTIKIT_WEBHOOK_SECRET": secrets.get("webhook_signing_secret", ""),
    }
    store = told.get("store", {})
    logs = sorted((asked.state / "logs").glob("*/gateway.log"), key=lambda path: path.stat().st_mtime)
    return Examined(
        name="the running local stack",
        settings=settings,
        is_complete="settings" in told,
        door=Door(store.get("region", ""), store.get("endpoint", ""), told.get("gateway_url", "")),
        hook_logs=logs[-1] if logs else None,
    )


def _stack(asked: Asked, environ: Mapping[str, str]) -> Examined:
    deployed = read_stack(asked.stack, asked.region)
    unread: list[str] = []
    processes, resources = _processes(asked, unread)
    settings = {**_put_out(deployed), **{name: value for one in processes.values() for name, value in one.items()}}
    secrets: Mapping[str, str] = {}
    if secret_id := settings.get("POKEA_SECRETS_ID", ""):
        try:
            secrets = read_secret(secret_id, asked.region)
        except CallError as problem:
            unread.append(problem.message)
    keys = {
        name: environ[name] for name in ("GEMINI_API_KEY", "OPENAI_API_KEY", "SAUTIKIT_API_BASE") if environ.get(name)
    }
    region = asked.region or environ.get("AWS_REGION", "") or environ.get("AWS_DEFAULT_REGION", "")
    return Examined(
        name=f"stack {asked.stack}",
        settings={**keys, **settings, **secrets},
        processes=processes,
        unread="; ".join(unread),
        door=Door(region or str(client("cloudformation", Door()).meta.region_name)),
        resources=resources,
        is_deployed=True,
        where=f" --stack {asked.stack}" + (f" --region {asked.region}" if asked.region else ""),
    )


def _processes(asked: Asked, unread: list[str]) -> tuple[dict[str, Mapping[str, str]], Mapping[str, tuple[str, str]]]:
    """The settings of each function and service, and the stack's resources; what could not be read is noted in `unread`."""
    found: dict[str, Mapping[str, str]] = {}
    try:
        resources = resources_of(asked.stack, asked.region)
    except CallError as problem:
        unread.append(f"the stack's resources: {problem.message}")
        return found, {}
    for logical, (kind, physical) in resources.items():
        try:
            if kind == "AWS::ECS::TaskDefinition":
                found[logical] = container_environment(physical, asked.region)
            elif kind == "AWS::Lambda::Function":
                found[logical] = environment_of(physical, asked.region)
        except CallError as problem:
            unread.append(f"the settings of {logical}: {problem.message}")
    return found, resources


def _put_out(deployed: Deployed) -> dict[str, str]:
    found = {name: deployed.of(*names) for name, names in NAMES.items()}
    return {name: value for name, value in found.items() if value}
