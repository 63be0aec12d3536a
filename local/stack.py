"""Everything on one machine: local AWS, the Lambdas behind a gateway, the media bridge, a model and a carrier.

Only the carrier and the models are stood in for, at their network edge; what runs between them is what runs in AWS. With the keys of
real models in the environment, the same stack talks to those.

A stack has one AWS and one carrier. What answers the calls is a desk: a gateway, a bridge and its engines, for the businesses of one
folder. Usually there is one; desks with other engines, or with engines that die, can be opened beside it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
import httpx

from bridge.settings import read_settings
from bridge.shell.engine_setup import build
from local.aws import LocalAws
from local.carrier import Carrier, Settling
from local.clips import by_engine, by_synthesiser, missing_clips, render_clips
from local.engines import Leg, environ_of
from local.processes import ROOT, Child, ChildFailed, free_port
from local.secrets_file import LocalSecrets, load_or_create, write_private
from local.speech.voice import Voice
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.secrets import Secrets
from pokea.errors import CallError, Unauthorized
from pokea.ids import BusinessId
from pokea.profile import Profile, load_profiles

GEMINI_URL = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PROFILES = ROOT / "layers/core/pokea/profiles"
TEMPLATE = ROOT / "template.yaml"
TOOLS_FUNCTION = "pokea-tools:live"
BRIDGE_UP_WITHIN = timedelta(seconds=60)
PLAN_S = 3  # campaigns are planned that often, because whoever tries one out does not wait for minutes
# A carrier's records are final a while after the call, so they are polled.
BOOKS = Settling(closed_after_s=1.0, priced_after_s=3.0)

Progress = Callable[[str], None]


def no_progress(_: str) -> None:
    """For callers that do not show progress."""


@dataclass(frozen=True)
class StackOptions:
    """Where the stack keeps its state. Port 0 = any free one. keeps_data: whether the state is worth keeping through a crash."""

    state_dir: Path
    carrier_port: int = 0
    keeps_data: bool = True


@dataclass(frozen=True)
class DeskOptions:
    """Whose calls a desk takes and which engines answer them, the preferred one first. Port 0 = any free one.

    gateway_environ, bridge_environ and engine_environ: settings on top, for the functions, the bridge and the engines' processes.
    """

    name: str = "desk"
    legs: tuple[Leg, ...] = (Leg("gemini"),)
    profiles_dir: Path = PROFILES
    gateway_port: int = 0
    bridge_port: int = 0
    gateway_environ: Mapping[str, str] = field(default_factory=dict)
    bridge_environ: Mapping[str, str] = field(default_factory=dict)
    engine_environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """A desk that answers calls. `engine_logs` holds what each engine's process printed, by engine."""

    options: DeskOptions
    profiles: Mapping[BusinessId, Profile]
    gateway_url: str
    bridge_url: str
    children: tuple[Child, ...]
    engine_logs: Mapping[str, Path]
    settings: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # of the functions and the bridge, secrets included

    @property
    def legs(self) -> tuple[Leg, ...]:
        return self.options.legs

    @property
    def is_offline(self) -> bool:
        """No real model answers."""
        return not any(leg.is_real for leg in self.legs)


class Stack:
    """AWS and the carrier, as an async context manager; `desk` opens what answers."""

    aws: LocalAws
    carrier: Carrier

    def __init__(self, options: StackOptions, progress: Progress = no_progress) -> None:
        self.options = options
        self.records_dir = options.state_dir / "calls"
        self.clips_dir = options.state_dir / "clips"
        self.children: list[Child] = []
        self._secrets: LocalSecrets = load_or_create(options.state_dir / "secrets.json")
        self._progress = progress
        self._resources = AsyncExitStack()
        self._opening = asyncio.Lock()  # one desk at a time: starting five processes is work for every core

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:  # what was started is stopped again if a later part does not come up
            self._progress("local AWS (an emulator: data stays in the state folder)")
            exports = {} if self.options.keeps_data else {"export_every_s": math.inf}
            self.aws = await started.enter_async_context(LocalAws(self.options.state_dir, TEMPLATE, **exports))
            self.carrier = await started.enter_async_context(
                Carrier(
                    api_key=self._secrets.carrier_api_key,
                    webhook_secret=self._secrets.webhook_signing_secret,
                    port=self.options.carrier_port,
                    settling=BOOKS,
                )
            )
            self._resources = started.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    async def watch(self) -> None:
        """Return only by raising: ChildFailed as soon as one process of the stack has died."""
        while True:
            watched: tuple[Child | LocalAws, ...] = (self.aws, *self.children)
            for process in watched:
                if not process.running:
                    raise process.failure()
            await asyncio.sleep(0.5)

    @asynccontextmanager
    async def desk(self, options: DeskOptions) -> AsyncIterator[Desk]:
        """Open a desk for the businesses of a folder, and close it at the end of the block.

        Raises ChildFailed when a process does not come up, BadProfile for a profile that cannot be used.
        """
        # In threads: opening one desk must not hold up the calls of another, whose clocks run in this one.
        profiles = await asyncio.to_thread(load_profiles, options.profiles_dir)
        gateway_port, bridge_port = options.gateway_port or free_port(), options.bridge_port or free_port()
        gateway_url, bridge_url = f"http://127.0.0.1:{gateway_port}", f"ws://127.0.0.1:{bridge_port}"
        environ = await asyncio.to_thread(self._environ, options, gateway_url, bridge_url)
        async with AsyncExitStack() as opened:
            staff = _Staff(self.options.state_dir / "logs", options, opened)
            opened.callback(lambda: self._dismiss(staff.children))
            async with self._opening:
                await self._staff_desk(staff, options, environ, profiles.values(), (gateway_port, bridge_port))
            self.children += staff.children
            self._route_numbers(profiles.values(), gateway_url)
            yield Desk(
                options, profiles, gateway_url, bridge_url, tuple(staff.children), staff.engine_logs, staff.settings
            )

    async def _staff_desk(
        self,
        staff: _Staff,
        options: DeskOptions,
        environ: Mapping[str, str],
        profiles: Iterable[Profile],
        ports: tuple[int, int],
    ) -> None:
        stand_ins = [leg.name for leg in options.legs if not leg.is_real]
        self._progress("the Lambdas behind a local gateway" + "".join(f", a stand-in for {name}" for name in stand_ins))
        try:
            async with asyncio.TaskGroup() as starting:
                starting.create_task(staff.start_gateway(ports[0], {**environ, **options.gateway_environ}))
                engines = [starting.create_task(staff.start_engine(leg)) for leg in options.legs]
                starting.create_task(self._render_missing_clips(profiles, options.legs))
        except* (ChildFailed, CallError, OSError) as failures:
            raise failures.exceptions[0] from None
        self._progress("the media bridge")
        settings = {
            **environ,
            **{key: value for engine in engines for key, value in engine.result().items()},
            **_engine_order(options.legs),
            "POKEA_CLIPS_DIR": str(self.clips_dir),
            "POKEA_CALL_RECORDS_DIR": str(self.records_dir),
            "POKEA_RECORDINGS_SPOOL": str(self.options.state_dir / "recordings" / options.name),
            "POKEA_OUTBOX_DIR": str(self.options.state_dir / "outbox" / options.name),
            "AWS_ENDPOINT_URL_LAMBDA": environ["POKEA_PUBLIC_URL"],
            **options.bridge_environ,
        }
        staff.settings = {**settings, "POKEA_TOOLS_FUNCTION": TOOLS_FUNCTION}
        await staff.start_bridge(ports[1], settings)

    def _environ(self, options: DeskOptions, gateway_url: str, bridge_url: str) -> dict[str, str]:
        secrets = self._secrets
        return {
            **self.aws.environ(),
            **self.aws.queue_environ(options.name),
            "POKEA_PROFILES_DIR": str(options.profiles_dir),
            "POKEA_PUBLIC_URL": gateway_url,
            "POKEA_BRIDGE_URL": bridge_url,
            "POKEA_RELEASE": "local",
            "POKEA_CALL_CAPS": "off",  # whoever tries things out rings from one number all day
            "POKEA_CAMPAIGN_PLAN_S": str(PLAN_S),
            "POKEA_CAMPAIGN_SCHEDULES": f"pokea-campaigns-{options.name}",
            "POKEA_CAMPAIGN_SCHEDULE_ROLE": "arn:aws:iam::000000000000:role/local",  # the emulator asks nobody
            "POKEA_CAMPAIGN_SCHEDULE_TARGET": "arn:aws:lambda:local:000000000000:function:pokea-campaigns:live",
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": secrets.webhook_path_secret,
            "POKEA_TOKEN_KEY": secrets.token_key,
            "SAUTIKIT_API_BASE": self.carrier.base_url,
            "SAUTIKIT_API_KEY": secrets.carrier_api_key,
            "SAUTIKIT_WEBHOOK_SECRET": secrets.webhook_signing_secret,
        }

    def _dismiss(self, children: Iterable[Child]) -> None:
        for child in children:
            if child in self.children:
                self.children.remove(child)

    def _route_numbers(self, profiles: Iterable[Profile], gateway_url: str) -> None:
        hook = f"{gateway_url}/voice/{self._secrets.webhook_path_secret}"
        events = f"{gateway_url}/call-events/{self._secrets.webhook_path_secret}"
        for profile in profiles:
            self.carrier.add_number(profile.line.number, voice_url=hook, events_url=events)

    async def _render_missing_clips(self, profiles: Iterable[Profile], legs: Iterable[Leg]) -> None:
        """In the voice of the real model where there is one; a stand-in's own voice does not need the stand-in."""
        missing = missing_clips(profiles, self.clips_dir)
        if not missing:
            return
        self._progress(f"{len(missing)} greetings and prompts to render")
        real = next((leg.name for leg in legs if leg.is_real), "")
        if not real:
            with Voice("agent") as voice:
                await render_clips(missing, self.clips_dir, by_synthesiser(voice))
            return
        loopback = {"POKEA_STREAM_AUTH": "off", "POKEA_BRIDGE_HOST": "127.0.0.1", "POKEA_ENGINES": real}
        settings = read_settings({**os.environ, **loopback})
        engines = build(settings, Secrets(os.environ, secret_id=settings.secrets_id))
        try:
            await render_clips(missing, self.clips_dir, by_engine(engines.makers[real], settings.engine(real).model))
        finally:
            await engines.close()

    def core_table(self) -> DynamoTable:
        """The stack's table, for the parts of the desk that look into the store."""
        return self._table("POKEA_CORE_TABLE")

    def cdrs_table(self) -> DynamoTable:
        """Where the functions keep detail records."""
        return self._table("POKEA_CDRS_TABLE")

    def _table(self, setting: str) -> DynamoTable:
        environ = self.aws.environ()
        client = boto3.client(
            "dynamodb",
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )
        return DynamoTable(client, environ[setting])


class _Staff:
    """The processes of one desk; they are stopped when `opened` closes."""

    def __init__(self, logs: Path, options: DeskOptions, opened: AsyncExitStack) -> None:
        self.children: list[Child] = []
        self.engine_logs: dict[str, Path] = {}
        self.settings: Mapping[str, str] = {}
        self._logs, self._options, self._opened = logs, options, opened

    async def _start(
        self, name: str, arguments: list[str], environ: Mapping[str, str], *, ready_line: bool, keeps_time: bool = False
    ) -> Child:
        child = Child(name, arguments, environ, self._log(name), ready_line=ready_line, keeps_time=keeps_time)
        await self._opened.enter_async_context(child)
        self.children.append(child)
        return child

    def _log(self, name: str) -> Path:
        return self._logs / self._options.name / f"{name}.log"

    async def start_gateway(self, port: int, environ: Mapping[str, str]) -> None:
        arguments = ["-m", "local.gateway", "--port", str(port), "--template", str(TEMPLATE)]
        await self._start("gateway", arguments, environ, ready_line=True)

    async def start_engine(self, leg: Leg) -> dict[str, str]:
        """The bridge's settings for a leg; for a stand-in its process is started first."""
        if leg.is_real:
            return {}  # the real one's settings are in this environment already
        name = f"engine-{leg.name}"
        self.engine_logs[leg.name] = self._log(name)
        engine = await self._start(name, leg.arguments(), self._options.engine_environ, ready_line=True)
        return environ_of(leg.name, str(engine.ready["url"]))

    async def start_bridge(self, port: int, environ: Mapping[str, str]) -> None:
        settings = {
            "POKEA_BRIDGE_WORKERS": os.environ.get("POKEA_BRIDGE_WORKERS", "1"),
            **environ,
            "POKEA_BRIDGE_HOST": "127.0.0.1",
            "POKEA_BRIDGE_PORT": str(port),
            "POKEA_TOOLS_FUNCTION": TOOLS_FUNCTION,
        }
        bridge = await self._start("bridge", ["-m", "bridge"], settings, ready_line=False, keeps_time=True)
        await _until_ready(bridge, f"http://127.0.0.1:{port}/readyz")


def _engine_order(legs: tuple[Leg, ...]) -> dict[str, str]:
    names = ",".join(leg.name for leg in legs)
    return {"POKEA_ENGINES": names} if names != "gemini" or "POKEA_ENGINES" in os.environ else {}


async def _until_ready(child: Child, url: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BRIDGE_UP_WITHIN.total_seconds()
    async with httpx.AsyncClient(timeout=2) as client:
        while loop.time() < deadline:
            if not child.running:
                raise child.failure()
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.05)
    raise ChildFailed(f"{child.name} did not answer at {url} within {BRIDGE_UP_WITHIN.total_seconds():.0f} s")


LOCAL_SCOPES = (
    "calls:write",
    "shipments:write",
    "tasks:read",
    "tasks:write",
    "accounts:write",
    "cdrs:read",
    "cdrs:write",
    "reports:read",
    "reports:write",
    "campaigns:read",
    "campaigns:write",
)


def ensure_api_keys(stack: Stack, desk: Desk) -> None:
    """One API key for each business, drawn on its first start and whenever it may do too little; the commands of `pokea` use it."""
    path = stack.options.state_dir / "api_keys.json"
    keys: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    store = DynamoApiKeyStore(stack.core_table())
    missing = [business for business in desk.profiles if not _may_all(store, keys.get(business, ""))]
    if not missing:
        return
    for business in missing:
        keys[business] = store.create_key(business, LOCAL_SCOPES, label="local", at=datetime.now(UTC))
    write_private(path, keys)


def _may_all(store: DynamoApiKeyStore, key: str) -> bool:
    try:
        return bool(key) and store.find(key).scopes >= set(LOCAL_SCOPES)
    except Unauthorized:
        return False
