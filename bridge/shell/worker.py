"""One bridge process: everything put together, served until the drain is over."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.core.outbox import Plan
from bridge.core.recording import masked_headers
from bridge.core.resample import warm_up
from bridge.settings import BridgeSettings
from bridge.shell import engine_setup
from bridge.shell.call_task import Call, CallServices
from bridge.shell.carrier import CarrierHangUp
from bridge.shell.clips import ClipStore
from bridge.shell.crew import Place, TakesTurns
from bridge.shell.dead_legs import DeadLegs
from bridge.shell.doorman import Admitted, Request
from bridge.shell.drain import Drain
from bridge.shell.frame_recorder import FrameStore
from bridge.shell.gauges import Gauges
from bridge.shell.health import Health
from bridge.shell.heart import Heart
from bridge.shell.keys import KeyRenewal
from bridge.shell.lag import LoopWatch
from bridge.shell.outbox import Outbox
from bridge.shell.outbox_queue import sqs_send
from bridge.shell.outbox_spool import Spool
from bridge.shell.protection import TaskProtection
from bridge.shell.recorder import Recorder, s3_put
from bridge.shell.relay import Relay, RelayGate, relay_address
from bridge.shell.seats import SeatCount
from bridge.shell.server import Gate, Server
from bridge.shell.tool_client import Opened, ToolClient, lambda_invoke
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings

if TYPE_CHECKING:
    from bridge.shell.call_trace import Tracing

_GC_THRESHOLDS = (50_000, 20, 100)  # the hot paths make no cycles; a full collection would be heard
log = logging.getLogger(__name__)


class Exchange:
    """Makes a call out of every admitted stream."""

    def __init__(self, services: CallServices, seats: SeatCount | None = None) -> None:
        self._services = services
        self._seats = seats
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, request: Request, session_id: str, opened: Opened) -> Admitted:
        upgrade = masked_headers(request.path, request.headers) if self._services.frames is not None else None
        call = Call(self._services, session_id, opened, upgrade)
        if self._seats is not None:
            self._seats.came(opened.seated_at)
        return Admitted(call, lambda: self._spawn(call.never_began()))

    def sessions(self) -> tuple[str, ...]:
        """Of the calls that are under way."""
        calls = (call for call in self._services.health.calls if isinstance(call, Call))
        return tuple(call.session_id for call in calls if call.session_id)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def build_services(settings: BridgeSettings, secrets: Secrets, health: Health, relay: RelayGate) -> CallServices:
    """Raises BadSettings for what only shows when it is used: a CA file, a missing key."""
    clips = ClipStore(Path(settings.clips_dir) if settings.clips_dir else None)
    clips.load()
    tools, bridge_id = None, _bridge_id()
    if settings.authenticates:
        deadline_s = settings.tools_deadline_ms / 1000
        tools = ToolClient(lambda_invoke(settings.tools_function, deadline_s), deadline_s, bridge_id)
    frames = None
    try:
        if settings.frames_dir:
            frames = FrameStore(Path(settings.frames_dir), engine_setup.wires(settings))
    except OSError as problem:
        raise BadSettings("POKEA_FRAMES_DIR", f"{settings.frames_dir} cannot be made: {problem.strerror}") from None
    return CallServices(
        settings=settings.session(),
        engines=engine_setup.build(settings, secrets),
        tools=tools,
        carrier=CarrierHangUp(settings.carrier_base, partial(secrets.optional, "SAUTIKIT_API_KEY")),
        clips=clips,
        health=health,
        records_dir=Path(settings.records_dir) if settings.records_dir else None,
        frames=frames,
        recorder=_recorder(settings),
        relay=relay,
        outbox=_outbox(settings, bridge_id),
        tracing=_tracing(settings, bridge_id),
    )


def _tracing(settings: BridgeSettings, bridge_id: str) -> Tracing | None:
    if not settings.traces:
        return None
    from bridge.shell.call_trace import tracing_of

    return tracing_of(settings, bridge_id)


def _outbox(settings: BridgeSettings, bridge_id: str) -> Outbox | None:
    if not settings.outbox_dir:
        return None
    try:
        send = sqs_send(settings.cdr_queue_url)
    except ValueError as problem:
        raise BadSettings("POKEA_CDR_QUEUE_URL", f"cannot be used: {problem}") from None
    plan = Plan(settings.outbox_mb * 1_000_000)
    outbox = Outbox(Spool(Path(settings.outbox_dir), bridge_id), send, bridge_id, plan=plan)
    try:
        outbox.start()
    except OSError as problem:
        raise BadSettings("POKEA_OUTBOX_DIR", f"{settings.outbox_dir} cannot be used: {problem.strerror}") from None
    return outbox


def _recorder(settings: BridgeSettings) -> Recorder | None:
    if not settings.recordings_spool:
        return None
    put = partial(s3_put, settings.recordings_bucket) if settings.recordings_bucket else None
    recorder = Recorder(Path(settings.recordings_spool), put, limit_mb=settings.recordings_spool_mb)
    try:
        recorder.start()
    except OSError as problem:
        raise BadSettings(
            "POKEA_RECORDINGS_SPOOL", f"{settings.recordings_spool} cannot be made: {problem.strerror}"
        ) from None
    return recorder


def _bridge_id() -> str:
    return f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


async def serve(
    settings: BridgeSettings,
    secrets: Secrets,
    ready: Callable[[int], None] = lambda _: None,
    place: Place | None = None,
) -> None:
    """Serve until told to stop and drained. `ready` gets the port once calls are taken; `place` is this worker's in its crew.

    Raises BadSettings, OSError, Unavailable.
    """
    secrets.renew()  # nobody may wait for it later
    health = Health(settings.max_calls)
    relay = Relay(relay_address(settings.relay_host), stack=settings.ws_stack)
    services = build_services(settings, secrets, health, relay.gate)
    drain = Drain(health, settings.drain_s, settings.tools_deadline_ms / 1000)
    drain.listen()
    warm_up()
    watch, dead_legs = LoopWatch(), DeadLegs(health)
    health.loop_lag_ms = lambda: watch.worst_ms
    health.open_circuits = services.engines.open_circuits
    keys = KeyRenewal(secrets)
    services.engines.on_refused = services.carrier.on_refused = keys.refused
    health.kept = services.outbox
    seats = SeatCount(health, settings.release)
    exchange = Exchange(services, seats)
    gate = Gate(health, services.tools, exchange)
    server = Server(gate, settings.host, settings.port, stack=settings.ws_stack)
    async with relay, server:
        if services.tools is not None:
            services.tools.relay = relay.address
        turns = None if place is None else TakesTurns(server, health, place)
        if turns is not None:
            turns.start()
        _let_garbage_be()
        watch.start()
        dead_legs.start()
        keys.start()
        protection = _protection(settings, health, place)
        gauges = _gauges(settings, services, protection, keys)
        gauges.start()
        heart = None if services.tools is None else _heart(services.tools, exchange, drain, seats)
        if heart is not None:
            heart.start(settings.ecs_metadata_uri)
        ready(settings.port)
        await drain.wait()
        if heart is not None:
            await heart.close()
        gauges.stop()
        if turns is not None:
            turns.stop()
        if protection is not None:
            await protection.close()
    watch.stop()
    dead_legs.stop()
    keys.stop()
    await services.engines.close()
    await services.carrier.close()
    await _put_away(services)
    if services.tools is not None:
        services.tools.shut_down()


def _let_garbage_be() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _gauges(
    settings: BridgeSettings, services: CallServices, protection: TaskProtection | None, keys: KeyRenewal
) -> Gauges:
    return Gauges(
        services.health,
        settings.release,
        settings.metrics_s,
        lambda: protection.failures if protection else 0,
        lambda: keys.refusals,
        spans_dropped=lambda: services.tracing.traces.dropped if services.tracing else 0,
        turns=services.turns,
    )


def _heart(tools: ToolClient, exchange: Exchange, drain: Drain, seats: SeatCount) -> Heart:
    return Heart(tools.beat, exchange.sessions, broken=drain.ask, seats=seats)


def _protection(settings: BridgeSettings, health: Health, place: Place | None) -> TaskProtection | None:
    """Started, on ECS. Every worker looks, and the first that lives speaks for the task."""
    if not settings.ecs_agent_uri:
        return None
    calls = place.calls_of_all if place is not None else lambda: health.busy
    protection = TaskProtection(settings.ecs_agent_uri, lambda: calls() > 0, speaker=place)
    protection.start()
    return protection


async def _put_away(services: CallServices) -> None:
    """At once: each may take its few seconds, and what stops the process after that waits for nobody."""
    closes: list[Callable[[], object]] = []
    if services.frames is not None:
        closes.append(services.frames.close)
    if services.recorder is not None:
        closes.append(services.recorder.close)
    if services.outbox is not None:
        closes.append(services.outbox.close)
    if services.tracing is not None:
        closes.append(services.tracing.traces.close)
    await asyncio.gather(*(asyncio.to_thread(close) for close in closes))
