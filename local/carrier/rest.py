"""The carrier's REST API under /v1, and /_sim: what only a simulator has (a phone to ring with, who picks up, the status page's list)."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from local.carrier.answers import answers_endpoint
from local.carrier.faults import Fault
from local.carrier.phone import phone_socket

if TYPE_CHECKING:
    from local.carrier.call import Call
    from local.carrier.carrier import Carrier

MAX_LABEL_CHARS = 5000
_RESERVED_LABELS = ("mcp:", "broadcast:")
Endpoint = Callable[[Request], Awaitable[Response]]


class ApiError(Exception):
    """Answered in the vendor's envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        error = {"code": self.code, "message": self.message, "request_id": "req_" + uuid.uuid4().hex[:12]}
        return JSONResponse({"error": error}, self.status)


def create_app(carrier: Carrier) -> Starlette:
    api = _Api(carrier)
    routes: list[Route | WebSocketRoute] = [
        Route(path, _guarded(carrier, endpoint), methods=[method])
        for method, path, endpoint in (
            ("POST", "/v1/calls", api.place_call),
            ("POST", "/v1/calls/originate", api.place_call),
            ("GET", "/v1/calls", api.list_calls),
            ("GET", "/v1/calls/{id}", api.get_call),
            ("POST", "/v1/calls/{id}/hangup", api.hang_up),
            ("GET", "/v1/calls/{id}/recording", api.recording),
            ("GET", "/v1/numbers", api.list_numbers),
            ("GET", "/v1/numbers/available", api.available_numbers),
            # Four ways to claim and three to route: the vendor's pages print all but the first of each, which live integrations use.
            ("POST", "/v1/numbers/available/claim", api.claim_number),
            ("POST", "/v1/numbers/claim", api.claim_number),
            ("POST", "/v1/numbers", api.claim_number),
            ("POST", "/v1/numbers/{id}/claim", api.claim_number),
            ("PUT", "/v1/numbers/{id}/routing", api.route_number),
            ("PATCH", "/v1/numbers/{id}/routing", api.patch_routing),
            ("PATCH", "/v1/numbers/{id}", api.patch_number),
            ("DELETE", "/v1/numbers/{id}", api.release_number),
            ("GET", "/v1/wallet", api.wallet),
            ("GET", "/v1/wallet/balance", api.wallet),
        )
    ]
    routes += [
        Route("/_sim/calls", api.sim_calls),
        Route("/_sim/recordings/{id}.wav", api.sim_recording),
        Route("/_sim/answers/{e164}", partial(answers_endpoint, carrier), methods=["PUT"]),
        WebSocketRoute("/_sim/phone", lambda ws: phone_socket(carrier, ws)),
    ]
    return Starlette(routes=routes)


def _guarded(carrier: Carrier, endpoint: Endpoint) -> Endpoint:
    """Key check, ordered faults and the error envelope around one endpoint."""

    async def answer(request: Request) -> Response:
        try:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not any(
                hmac.compare_digest(key.encode(), one.encode()) for one in (carrier.api_key, *carrier.more_keys)
            ):
                raise ApiError(401, "api_key.invalid", "The API key is missing or unknown.")
            fault = await carrier.faults.take(request.method, request.url.path)
            if fault is not None and fault.status and not fault.after_effect:
                return _fault_response(fault)
            response = await endpoint(request)
            return _fault_response(fault) if fault is not None and fault.status else response
        except ApiError as error:
            return error.response()

    async def logged(request: Request) -> Response:
        response = await answer(request)
        response.headers["Date"] = formatdate(time.time() + carrier.clock_ahead_s, usegmt=True)  # RFC 9110 §6.6.1
        carrier.requests.append((request.method, request.url.path, response.status_code))
        return response

    return logged


def _fault_response(fault: Fault) -> Response:
    match fault.shape:
        case "html":
            response: Response = HTMLResponse("<html><body><h1>Bad gateway</h1></body></html>", fault.status)
        case "bare":
            response = JSONResponse({"code": fault.error_code, "reason": "ordered by a test"}, fault.status)
        case "envelope":
            response = ApiError(fault.status, fault.error_code, "Ordered by a test.").response()
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response


class _Api:
    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    # --- calls --------------------------------------------------------------------------------------------------------------

    async def place_call(self, request: Request) -> Response:
        carrier, raw = self._carrier, await request.body()
        key = request.headers.get("idempotency-key", "")
        if key:
            response, is_other_body = carrier.replay(key, raw)
            if is_other_body:
                raise ApiError(409, "idempotency.conflict", "This Idempotency-Key was used with another body.")
            if response is not None:
                return JSONResponse(response, 201)
        body = await _json_object(request)
        call = self._place(body)
        created: dict[str, Any] = {"session_id": call.session_id, "status": "ringing"}
        if call.behaviour.call_id_on_create:
            created["call_id"] = call.call_id
        if call.facts.client_request_id:
            created["client_request_id"] = call.facts.client_request_id
        if key:
            carrier.remember(key, raw, call, created)
        return JSONResponse(created, 201)

    def _place(self, body: dict[str, Any]) -> Call:
        to = body.get("to")
        if not isinstance(to, list) or len(to) != 1 or not isinstance(to[0], str) or not to[0].startswith("+"):
            raise ApiError(400, "calls.invalid_to", "to must be an array of one E.164 number.")
        number = self._carrier.numbers.by_e164(str(body.get("from")))
        if number is None or number.status != "active":
            raise ApiError(403, "calls.from_not_owned", "from is not an active number of this workspace.")
        caller_id = body.get("caller_id")
        if caller_id is not None and self._carrier.numbers.by_e164(str(caller_id)) is None:
            raise ApiError(403, "calls.caller_id_not_owned", "caller_id is not a number of this workspace.")
        self._carrier.records.settle()
        if self._carrier.wallet.balance_minor <= 0:
            raise ApiError(402, "wallet.insufficient_funds", "The wallet is empty.")
        return self._carrier.place(
            number,
            to[0],
            voice_url=str(body.get("voice_callback_url") or ""),
            client_request_id=_label(body.get("client_request_id")),
        )

    async def list_calls(self, request: Request) -> Response:
        query = request.query_params
        limit = _number(query.get("limit", "25"), "limit")
        if not 1 <= limit <= 100:
            raise ApiError(400, "calls.list_failed", "limit must be between 1 and 100.")
        statuses = [status for status in query.get("status", "").split(",") if status]
        since, until = _time(query.get("from")), _time(query.get("to"))
        found = [
            record
            for record in self._carrier.records.newest_first(query.get("session_id"))
            if (not statuses or record.status in statuses)
            and query.get("direction", record.direction) == record.direction
            and query.get("q", "") in f"{record.local_e164} {record.remote_e164}"
            and (since is None or record.started_at >= since)
            and (until is None or record.started_at < until)
        ]
        start = _number(query.get("cursor") or "0", "cursor")
        page = [record.to_json() for record in found[start : start + limit]]
        following = str(start + limit) if start + limit < len(found) else None
        return JSONResponse({"data": page, "next_cursor": following})

    async def get_call(self, request: Request) -> Response:
        record = self._carrier.records.find(request.path_params["id"])
        if record is None:
            raise ApiError(404, "calls.not_found", "No such call.")
        return JSONResponse({"call": record.to_json()})

    async def hang_up(self, request: Request) -> Response:
        call = self._call(request)
        call.hang_up("api")
        return JSONResponse({"call_id": call.call_id, "status": "hung_up"})

    async def recording(self, request: Request) -> Response:
        call = self._call(request)
        if call.plan.record is None:
            raise ApiError(404, "calls.recording_not_found", "This call was not recorded.")
        if call.recording_expired:
            return JSONResponse({"code": "recording_unavailable", "reason": "expired"}, 410)
        if call.is_live:
            return JSONResponse({"status": "pending", "retry_after_seconds": 5}, 202)
        return Response(
            status_code=302, headers={"Location": f"{self._carrier.base_url}/_sim/recordings/{call.call_id}.wav"}
        )

    def _call(self, request: Request) -> Call:
        call = self._carrier.find_call(request.path_params["id"])
        if call is None:
            raise ApiError(404, "calls.not_found", "No such call.")
        return call

    # --- numbers and wallet -------------------------------------------------------------------------------------------------

    async def list_numbers(self, request: Request) -> Response:
        return JSONResponse({"numbers": [number.to_json() for number in self._carrier.numbers]})

    async def available_numbers(self, request: Request) -> Response:
        available = self._carrier.numbers.available()
        return JSONResponse(available if self._carrier.numbers.bare_inventory else {"available": available})

    async def claim_number(self, request: Request) -> Response:
        named = request.path_params.get("id")
        if named is None:
            body = await _json_object(request)
            named = next((body[name] for name in ("inventory_id", "id", "number", "e164") if name in body), None)
        number = self._carrier.numbers.claim(str(named))
        if number is None:
            raise ApiError(404, "numbers.not_found", "No such number is available.")
        return JSONResponse({"number": number.to_json()}, 201)

    async def route_number(self, request: Request) -> Response:
        return await self._routed(request, "voice_callback_url", "events_url", "")

    async def patch_routing(self, request: Request) -> Response:
        return await self._routed(request, "voice_url", "events_url", "voice_signing_secret")

    async def patch_number(self, request: Request) -> Response:
        return await self._routed(request, "routing_url", "", "")

    async def _routed(self, request: Request, voice: str, events: str, secret: str) -> Response:
        """Fields that are not of this route are passed over without a word."""
        number = self._carrier.numbers.by_id(request.path_params["id"])
        if number is None:
            raise ApiError(404, "numbers.not_found", "No such number.")
        body = await _json_object(request)
        number.voice_url = str(body.get(voice, number.voice_url) or "")
        number.events_url = str(body.get(events, number.events_url) or "")
        number.signing_secret = str(body.get(secret, number.signing_secret) or "")
        return JSONResponse({"number": number.to_json()})

    async def release_number(self, request: Request) -> Response:
        if not self._carrier.numbers.release(request.path_params["id"]):
            raise ApiError(404, "numbers.not_found", "No such number.")
        return Response(status_code=204)

    async def wallet(self, request: Request) -> Response:
        self._carrier.records.settle()
        wallet = self._carrier.wallet
        return JSONResponse(
            {
                "balance_minor": wallet.balance_minor,
                "currency": self._carrier.tariff.currency,
                "low_balance_threshold_minor": wallet.low_balance_threshold_minor,
            }
        )

    # --- /_sim --------------------------------------------------------------------------------------------------------------

    async def sim_calls(self, request: Request) -> Response:
        """Newest first, for the status page."""
        return JSONResponse({"calls": [_summary(call) for call in reversed(self._carrier.calls)]})

    async def sim_recording(self, request: Request) -> Response:
        call = self._carrier.find_call(request.path_params["id"])
        path = None if call is None else call.plan.record
        if path is None or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, media_type="audio/wav")


def _summary(call: Call) -> dict[str, Any]:
    stream = call.stream
    return {
        "session_id": call.session_id,
        "call_id": call.call_id,
        "direction": call.facts.direction,
        "a_number": call.facts.a_number,
        "b_number": call.facts.b_number,
        "status": call.status,
        "is_live": call.is_live,
        "behaviour": call.behaviour.name,
        "started_at": call.started_at.isoformat(),
        "duration_s": call.duration_s,
        "released_by": call.released_by,
        "socket_close_code": call.socket_close_code,
        "stream_open": stream is not None and stream.opened_at_ms is not None and stream.closed_at_ms is None,
        "clock_late_ms_max": round(call.line.late_ms_max, 1),
        "timeline": [{"at_ms": moment.at_ms, "what": moment.what, "detail": moment.detail} for moment in call.timeline],
    }


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise ApiError(400, "request.invalid_json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "request.invalid_json", "The body must be an object.")
    return body


def _label(value: object) -> str:
    label = "" if value is None else str(value)
    if len(label) > MAX_LABEL_CHARS or not label.isprintable() or label.startswith(_RESERVED_LABELS):
        raise ApiError(
            400, "calls.invalid_client_request_id", "client_request_id is too long, reserved or not printable."
        )
    return label


def _number(value: str, name: str) -> int:
    if not value.isdecimal():
        raise ApiError(400, "calls.list_failed", f"{name} must be a number.")
    return int(value)


def _time(value: str | None) -> datetime | None:
    """RFC 3339 or Unix seconds."""
    if not value:
        return None
    try:
        at = datetime.fromtimestamp(float(value), UTC) if value[:5].isdecimal() else datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise ApiError(400, "calls.list_failed", f"{value!r} is not a time.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class _QuietServer(uvicorn.Server):
    """Without signal handlers (Ctrl-C belongs to whoever composed the process) and without a timer of its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop_asked = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self.stop_asked.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """At once: whoever stops the carrier has ended its calls first."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(0)


class RestServer:
    """uvicorn inside the running loop, on loopback, on a port that is known before it serves."""

    def __init__(self, app: Starlette, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            date_header=False,
            ws="websockets-sansio",
        )
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.stop_asked.set()
        if self._task is not None:
            await self._task
        self._socket.close()
