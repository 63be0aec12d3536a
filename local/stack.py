"""Everything on one machine: local AWS, the Lambdas behind a gateway, the media bridge, a model and a carrier.

Only the carrier and the model are stood in for, at their network edge; what runs between them is what runs in AWS. With a real
model key in the environment, the same stack talks to the real model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
import httpx

from local.aws import LocalAws
from local.carrier import Carrier
from local.clips import Clip, missing_clips, render_clips
from local.processes import ROOT, Child, ChildFailed, free_port
from local.secrets_file import load_or_create, write_private
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.ids import BusinessId
from pokea.profile import Profile, load_profiles

GEMINI_URL = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PROFILES = ROOT / "layers/core/pokea/profiles"
TEMPLATE = ROOT / "template.yaml"
BRIDGE_UP_WITHIN = timedelta(seconds=20)

Progress = Callable[[str], None]


def no_progress(_: str) -> None:
    """For callers that do not show progress."""


@dataclass(frozen=True)
class StackOptions:
    """Where the stack keeps its state and what it runs with. Port 0 = any free one."""

    state_dir: Path
    profiles_dir: Path = PROFILES
    records_dir: Path | None = None  # default: <state_dir>/calls
    gateway_port: int = 0
    carrier_port: int = 0
    bridge_port: int = 0
    gemini_key: str = ""  # empty: the offline engine
    extra_environ: Mapping[str, str] | None = None


class Stack:
    """The composed system, as an async context manager. After entering, `carrier` places and answers calls."""

    aws: LocalAws
    carrier: Carrier
    gateway_url: str
    bridge_url: str
    engine_url: str
    environ: dict[str, str]
    profiles: Mapping[BusinessId, Profile]

    def __init__(self, options: StackOptions, progress: Progress = no_progress) -> None:
        self.options = options
        self.records_dir = options.records_dir or options.state_dir / "calls"
        self.clips_dir = options.state_dir / "clips"
        self.children: list[Child] = []
        self._progress = progress
        self._resources = AsyncExitStack()

    @property
    def engine_is_offline(self) -> bool:
        return not self.options.gemini_key

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:  # what was started is stopped again if a later part does not come up
            self._resources = started
            await self._start()
            self._resources = started.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    async def watch(self) -> None:
        """Return only by raising: ChildFailed as soon as one process of the stack has died."""
        watched: tuple[Child | LocalAws, ...] = (self.aws, *self.children)
        while True:
            for process in watched:
                if not process.running:
                    raise process.failure()
            await asyncio.sleep(0.5)

    async def _start(self) -> None:
        options, enter = self.options, self._resources.enter_async_context
        self.profiles = load_profiles(options.profiles_dir)
        secrets = load_or_create(options.state_dir / "secrets.json")
        gateway_port = options.gateway_port or free_port()
        bridge_port = options.bridge_port or free_port()
        self.gateway_url = f"http://127.0.0.1:{gateway_port}"
        self.bridge_url = f"ws://127.0.0.1:{bridge_port}"

        self._progress("local AWS (an emulator: data stays in the state folder)")
        self.aws = await enter(LocalAws(options.state_dir, TEMPLATE))
        self.carrier = await enter(
            Carrier(
                api_key=secrets.carrier_api_key,
                webhook_secret=secrets.webhook_signing_secret,
                port=options.carrier_port,
            )
        )
        self.environ = {
            **self.aws.environ(),
            "POKEA_PROFILES_DIR": str(options.profiles_dir),
            "POKEA_PUBLIC_URL": self.gateway_url,
            "POKEA_BRIDGE_URL": self.bridge_url,
            "POKEA_RELEASE": "local",
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": secrets.webhook_path_secret,
            "POKEA_TOKEN_KEY": secrets.token_key,
            "SAUTIKIT_API_BASE": self.carrier.base_url,
            "SAUTIKIT_API_KEY": secrets.carrier_api_key,
            "SAUTIKIT_WEBHOOK_SECRET": secrets.webhook_signing_secret,
            **(options.extra_environ or {}),
        }
        self._progress(
            "the Lambdas behind a local gateway" + (", and the offline engine" if self.engine_is_offline else "")
        )
        await asyncio.gather(self._start_gateway(gateway_port), self._start_engine())
        await self._render_missing_clips()
        self._progress("the media bridge")
        await self._start_bridge(bridge_port)
        await asyncio.to_thread(ensure_api_keys, self)
        hook = f"{self.gateway_url}/voice/{secrets.webhook_path_secret}"
        events = f"{self.gateway_url}/call-events/{secrets.webhook_path_secret}"
        for profile in self.profiles.values():
            self.carrier.add_number(profile.line.number, voice_url=hook, events_url=events)

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str], *, ready_line: bool) -> Child:
        log = self.options.state_dir / "logs" / f"{name}.log"
        child = await self._resources.enter_async_context(Child(name, arguments, environ, log, ready_line=ready_line))
        self.children.append(child)
        return child

    async def _start_gateway(self, port: int) -> None:
        arguments = ["-m", "local.gateway", "--port", str(port), "--template", str(TEMPLATE)]
        await self._child("gateway", arguments, self.environ, ready_line=True)

    async def _start_engine(self) -> None:
        if not self.engine_is_offline:
            self.engine_url = self.environ.get("POKEA_GEMINI_URL", GEMINI_URL)
            return
        engine = await self._child("engine", ["-m", "local.engine", "--port", "0", "--json-ready"], {}, ready_line=True)
        self.engine_url = str(engine.ready["url"])

    async def _render_missing_clips(self) -> None:
        missing: list[Clip] = missing_clips(self.profiles.values(), self.clips_dir)
        if missing:
            self._progress(f"{len(missing)} greetings and prompts to render")
            await render_clips(missing, self.clips_dir, self.engine_url, self.options.gemini_key)

    async def _start_bridge(self, port: int) -> None:
        environ = {
            **self.environ,
            "POKEA_BRIDGE_HOST": "127.0.0.1",
            "POKEA_BRIDGE_PORT": str(port),
            "POKEA_BRIDGE_WORKERS": self.environ.get("POKEA_BRIDGE_WORKERS", "1"),
            "POKEA_GEMINI_URL": self.engine_url,
            "GEMINI_API_KEY": self.options.gemini_key or "offline",
            "POKEA_TOOLS_FUNCTION": "pokea-tools:live",
            "POKEA_CLIPS_DIR": str(self.clips_dir),
            "POKEA_CALL_RECORDS_DIR": str(self.records_dir),
            "AWS_ENDPOINT_URL_LAMBDA": self.gateway_url,
        }
        bridge = await self._child("bridge", ["-m", "bridge"], environ, ready_line=False)
        await self._until_ready(bridge, f"http://127.0.0.1:{port}/readyz")

    async def _until_ready(self, child: Child, url: str) -> None:
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


def core_table(environ: Mapping[str, str]) -> DynamoTable:
    """The stack's table, for the parts of the desk that look into the store."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name=environ["AWS_DEFAULT_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    return DynamoTable(client, environ["POKEA_CORE_TABLE"])


def ensure_api_keys(stack: Stack) -> None:
    """One API key for each business, drawn on its first start; `pokea call --outbound` uses it."""
    path = stack.options.state_dir / "api_keys.json"
    keys: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [business for business in stack.profiles if business not in keys]
    if not missing:
        return
    store = DynamoApiKeyStore(core_table(stack.environ))
    for business in missing:
        keys[business] = store.create_key(business, ["calls:write"], label="local", at=datetime.now(UTC))
    write_private(path, keys)
