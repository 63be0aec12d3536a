"""API Gateway and Lambda Invoke on one machine: the functions' real handlers behind real sockets.

    python -m local.gateway --port 0 --template template.yaml        prints {"event": "ready", "port": …} and serves until it is stopped
    async with serve(Path("template.yaml")) as gateway: gateway.url  the same inside a process

Routes come from the template; requests become HTTP API v2 events; handlers run in worker threads within their template's time limit.
The process (not the block) also runs the template's schedules; both poll the queues that the environment names.
`POST /2015-03-31/functions/<name>[:alias]/invocations` invokes any function of the template, so a client whose AWS_ENDPOINT_URL_LAMBDA
points here needs no other change. Only loopback is served. Settings and profiles are checked before the port is announced: a bad one
ends the process with one line and status 2.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.campaign_schedules import CampaignSchedules, make_group
from local.event_sources import EventSources, sources_of
from local.gateway_events import HttpReply, HttpRequest, event_of, message, reply_of
from local.gateway_functions import FunctionError, Functions, TimedOut
from local.gateway_template import BadTemplate, Function, Route, functions_of, read_template
from local.schedules import Schedule, Schedules, schedules_of
from pokea.adapters.clients import scheduler, sqs
from pokea.adapters.system_clock import SystemClock
from pokea.errors import CallError

HOST = "127.0.0.1"
INVOKE_PREFIX = "/2015-03-31/functions/"
INVOKE_SUFFIX = "/invocations"
MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's own limit; Lambda's is 6 MiB
MAX_INVOKE_BYTES = 6 * 1024 * 1024
CAMPAIGN_GROUP = "POKEA_CAMPAIGN_SCHEDULES"
PLANNER, PLAN_SETTING = "pokea-campaigns", "POKEA_CAMPAIGN_PLAN_S"
DEFAULT_TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"


@dataclass(frozen=True, slots=True)
class Gateway:
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class GatewayApp:
    """The ASGI application."""

    def __init__(self, functions: Functions, described: Sequence[Function]) -> None:
        self._functions = functions
        routes = [(route, function.name) for function in described for route in function.routes]
        self._routes = sorted(routes, key=lambda pair: pair[0].rank)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply = await self._reply(Request(scope, receive))
        response = Response(reply.body, reply.status)
        response.raw_headers = [*_raw(reply.headers), (b"content-length", str(len(reply.body)).encode())]
        await response(scope, receive, send)

    async def _reply(self, request: Request) -> HttpReply:
        body = await _read(request)
        if body is None:
            return message(413, "Request Too Long")
        path = request.scope["raw_path"].decode("ascii")
        if path.startswith(INVOKE_PREFIX) and path.endswith(INVOKE_SUFFIX):
            return await self._invoke(request, path, body)
        found = self._route(request.method, path)
        if found is None:
            return message(404, "Not Found")
        route, name, parameters = found
        event = event_of(_http_request(request, path, body), route, parameters)
        try:
            return reply_of(await self._functions.call(name, event))
        except TimedOut:
            return message(503, "Service Unavailable")
        except FunctionError:
            return message(500, "Internal Server Error")

    def _route(self, method: str, path: str) -> tuple[Route, str, Mapping[str, str]] | None:
        for route, name in self._routes:
            if (parameters := route.match(method, path)) is not None:
                return route, name, parameters
        return None

    async def _invoke(self, request: Request, path: str, body: bytes) -> HttpReply:
        name = _function_name(unquote(path[len(INVOKE_PREFIX) : -len(INVOKE_SUFFIX)]))
        if name not in self._functions.names:
            return _lambda_error(404, "ResourceNotFoundException", f"Function not found: {name}")
        if len(body) > MAX_INVOKE_BYTES:
            return _lambda_error(413, "RequestTooLargeException", "the payload is too large")
        try:
            event = json.loads(body or b"null")
        except ValueError:
            return _lambda_error(400, "InvalidRequestContentException", "the payload is not JSON")
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "DryRun":
            return HttpReply(204, [], b"")
        if kind == "Event":
            self._functions.call_later(name, event)
            return HttpReply(202, [], b"")
        return await self._invoked(name, event)

    async def _invoked(self, name: str, event: object) -> HttpReply:
        headers = [("content-type", "application/json"), ("x-amz-executed-version", "$LATEST")]
        try:
            answer = await self._functions.call(name, event)
        except (FunctionError, TimedOut) as error:
            failure = json.dumps({"errorMessage": str(error), "errorType": error.kind}).encode()
            return HttpReply(200, [*headers, ("x-amz-function-error", "Unhandled")], failure)
        return HttpReply(200, headers, json.dumps(answer).encode())


async def _read(request: Request) -> bytes | None:
    """The body, or None for one that API Gateway would not take."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _http_request(request: Request, path: str, body: bytes) -> HttpRequest:
    scope = request.scope
    return HttpRequest(
        method=request.method,
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
        source_ip=request.client.host if request.client else HOST,
        port=scope["server"][1],
    )


def _function_name(text: str) -> str:
    """The bare name in a name, an alias-qualified name or an ARN."""
    if text.startswith("arn:"):
        return (text.split(":") + [""] * 7)[6]
    return text.partition(":")[0]


def _lambda_error(status: int, kind: str, text: str) -> HttpReply:
    body = json.dumps({"Type": "User", "Message": text}).encode()
    return HttpReply(status, [("content-type", "application/json"), ("x-amzn-errortype", kind)], body)


def _raw(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class _Server(uvicorn.Server):
    """Says when it listens, and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve(template: Path = DEFAULT_TEMPLATE, *, port: int = 0, schedules: bool = False) -> AsyncIterator[Gateway]:
    """Serve the template's functions until the block ends, and run their schedules where that is wanted. Raises BadTemplate, BadSettings
    and BadProfile before it opens a port."""
    read = read_template(template)
    described = functions_of(read)
    async with contextlib.AsyncExitStack() as opened:
        functions = opened.enter_context(Functions(described))
        listener = opened.enter_context(_listen(port))
        config = uvicorn.Config(GatewayApp(functions, described), log_config=None, lifespan="off", access_log=False)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        try:
            timed = _schedules(functions, read if schedules else None)
            async with _event_sources(functions, read), timed, _campaigns(functions, schedules):
                yield Gateway(listener.getsockname()[1])
        finally:
            server.should_exit = True
            listening.cancel()
            await serving


def _event_sources(functions: Functions, template: Mapping[str, Any]) -> EventSources:
    """What polls the queues that this process's environment names; nothing where it names none."""
    return EventSources(functions, sources_of(template), sqs, os.environ)


def _schedules(functions: Functions, template: Mapping[str, Any] | None) -> Schedules:
    found = () if template is None else schedules_of(template)
    return Schedules(functions, [_hastened(schedule) for schedule in found], SystemClock())


def _campaigns(functions: Functions, schedules: bool) -> CampaignSchedules:
    """What starts campaigns on their own schedules; nothing where none can have one."""
    group = os.environ.get(CAMPAIGN_GROUP, "") if schedules else ""
    if group:
        make_group(scheduler(), group)
    return CampaignSchedules(functions, group, scheduler, SystemClock())


def _hastened(schedule: Schedule) -> Schedule:
    """Campaigns are planned as often as one plan reaches ahead: on a desk that is less than the minute of the template."""
    plan_s = os.environ.get(PLAN_SETTING, "") if schedule.function == PLANNER else ""
    return replace(schedule, every_s=int(plan_s)) if plan_s else schedule


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


async def _run(template: Path, port: int) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with serve(template, port=port, schedules=True) as gateway:
        print(json.dumps({"event": "ready", "port": gateway.port}), flush=True)
        await stopping.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.gateway", description="API Gateway and Lambda Invoke on one machine"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any free one")
    parser.add_argument("--template", type=Path, default=DEFAULT_TEMPLATE, help="SAM template to serve")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_run(options.template, options.port))
    except (BadTemplate, CallError, OSError) as problem:
        print(f"pokea gateway: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
