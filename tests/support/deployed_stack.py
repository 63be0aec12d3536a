"""A deployed stack with all that it talks to: a simulated carrier, a media server, a business's own system, and a witness."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from local.aws import LocalAws
from local.carrier import Call, Carrier
from local.carrier.hooks import sign
from local.gateway_template import Route
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.ids import BusinessId
from tests.integration.carrier_peers import MediaServer
from tests.support.aws_witness import Asked, Witness, witness
from tests.support.campaign_floor import Leg, lay_out
from tests.support.crm import Crm, running
from tests.support.deployed import Deployed, Processed, deploy, emulated, until, upload
from tests.support.tls_front import Front, tls_front

PATH_SECRET, SIGNING_SECRET, CARRIER_KEY = "a-path-secret-for-tests", "a-signing-secret-for-tests", "carrier-key"
WEBHOOK_SECRET = "a-secret-of-the-business"
SECRETS = {
    "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
    "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
    "SAUTIKIT_API_KEY": CARRIER_KEY,
    "CAMPAIGN_WEBHOOK_SECRET_MIZANI": WEBHOOK_SECRET,
}
BUSY, TOLD = "/busy.ics", "/theirs/told"  # on the front's host: a calendar, and what a person's own system takes
NO_EVIDENCE: dict[str, Any] = {"at_ms": 0, "read_back": None, "caller_turns": []}
_HOURS = re.compile(r'= \["[0-9:]+-[0-9:]+"\]|(?<=day )= \[\]')
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Town:
    """A carrier and a media server, on a loop of their own because the tests wait for other processes."""

    loop: asyncio.AbstractEventLoop = field(repr=False)
    carrier: Carrier
    media_url: str  # wss://127.0.0.1:4711

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(240)


@contextmanager
def town(front: Front) -> Iterator[Town]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="town")
    thread.start()
    around = AsyncExitStack()
    try:
        yield asyncio.run_coroutine_threadsafe(_opened(loop, around, front), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(around.aclose(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _opened(loop: asyncio.AbstractEventLoop, around: AsyncExitStack, front: Front) -> Town:
    media_url = await around.enter_async_context(_media(front.serving()))
    # A function that starts takes longer here than a carrier waits; a first hook must not be lost for that.
    made = Carrier(CARRIER_KEY, SIGNING_SECRET, trust=front.trust(), hook_timeout_s=120)
    carrier = await around.enter_async_context(made)
    return Town(loop, carrier, media_url)


@asynccontextmanager
async def _media(context: ssl.SSLContext) -> AsyncIterator[str]:
    protocols = [Subprotocol("audio.drachtio.org")]
    handle = MediaServer().handle
    async with serve(handle, "127.0.0.1", 0, subprotocols=protocols, compression=None, ssl=context) as server:
        yield f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@dataclass(slots=True)
class Stack:
    """One deployed template, what its functions have asked for, and what was asked of its API. `come`: schedules and rules of the bus, as
    the template names them, that were seen to bring something."""

    made: Deployed
    template: Processed = field(repr=False)
    seen: Witness = field(repr=False)
    front: Front = field(repr=False)
    town: Town = field(repr=False)
    crm: Crm = field(repr=False)
    enforces: bool
    answered: list[tuple[str, str, int]] = field(default_factory=list, repr=False)
    come: set[str] = field(default_factory=set, repr=False)

    @property
    def carrier(self) -> Carrier:
        return self.town.carrier

    @property
    def asked(self) -> list[Asked]:
        return list(self.seen.asked)

    @property
    def store(self) -> DynamoStore:
        return DynamoStore(self.table("CoreTable"))

    def table(self, name: str) -> DynamoTable:
        return DynamoTable(self.made.client("dynamodb"), self.made.resources[name])

    def reached(self, function: str) -> bool:
        return any(each.function == function for each in self.asked)

    def http(self, method: str, path: str, **wants: Any) -> Any:
        answer = self.made.http(method, path, **wants)
        self.answered.append((method, path.partition("?")[0], answer.status_code))
        return answer

    def served(self, route: Route) -> set[int]:
        """The statuses that requests to this route were answered with, the carrier's own hooks among them."""
        every = (*self.answered, *self.front.answered)
        return {status for method, path, status in every if route.match(method, path.partition("?")[0]) is not None}

    def hook(self, path: str, body: bytes, kind: str, secret: str = SIGNING_SECRET) -> Any:
        headers = {"content-type": kind, "x-sautikit-signature": sign(secret, body, int(time.time()))}
        return self.http("POST", path, content=body, headers=headers)

    def rings(self, session: str) -> Any:
        """The hook of a call that rings, without a carrier that would say more of it."""
        fields = {
            "sessionId": session,
            "callerNumber": "+254700000001",
            "destinationNumber": "+254711000001",
            "direction": "Inbound",
            "callSessionState": "Ringing",
            "isActive": "1",
        }
        return self.hook(f"/voice/{PATH_SECRET}", urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def key_of(self, business: str, *scopes: str) -> dict[str, str]:
        keys = DynamoApiKeyStore(self.table("CoreTable"))
        key = keys.create_key(BusinessId(business), scopes, label="test", at=datetime.now(UTC))
        return {"authorization": f"Bearer {key}"}

    def tools(self, operation: str, **wants: Any) -> dict[str, Any]:
        """The result of what a bridge asks the tools function."""
        said = self.made.invoke("ToolsFunction", {"operation": operation, **wants})
        assert said["ok"], said
        return dict(said["result"])

    def owns(self, line: str) -> None:
        """The carrier knows a line as the workspace's own, which it must before the line can ring or be rung."""
        if self.carrier.numbers.by_e164(line) is None:
            url = self.front.url
            self.carrier.add_number(line, f"{url}/voice/{PATH_SECRET}", f"{url}/call-events/{PATH_SECRET}")

    def rings_in(self, caller: str, line: str) -> Call:
        """Somebody calls one of the businesses' lines; the carrier's own hooks tell of it."""
        self.owns(line)
        return self.town.run(self.carrier.dial(caller, line, Leg()))

    def opens(self, call: Call, **more: str) -> tuple[str, dict[str, Any]]:
        """As the bridge does once the call's stream is there: the call token, and all of the answer."""
        token = until(lambda: _token_in(call), 180, f"no stream for {call.facts.b_number}")
        opened = self.tools("open", session_id=call.session_id, token=token, bridge="bridge-1", **more)
        return str(opened["call_token"]), opened

    def closes(self, token: str, **more: Any) -> None:
        close = json.loads((ROOT / "events/tools-close.json").read_text(encoding="utf-8"))
        self.tools(**{**close, "call_token": token, "recording": None, **more})

    def hangs_up(self, call: Call) -> None:
        self.town.loop.call_soon_threadsafe(call.hang_up, "party")
        self.town.run(call.ended(30))

    def placed_to(self, number: str, within_s: float) -> Call:
        """The call that the carrier was asked to place to a number."""
        calls = self.carrier.calls

        def newest() -> Call | None:
            return next((call for call in reversed(self.carrier.calls) if call.facts.b_number == number), None)

        return until(newest, within_s, f"nobody rang {number}; calls: {[call.facts for call in calls]}")  # type: ignore[no-any-return]

    def picks_up(self, number: str) -> None:
        self.carrier.answer_with(number, Leg, ring_s=0.1)


ROOT = Path(__file__).resolve().parents[2]


def _token_in(call: Call) -> str:
    found = [hook.response.decode() for hook in call.hooks if b"<Stream" in (hook.response or b"")]
    return found[0].partition("token=")[2].partition('"')[0].partition("&")[0] if found else ""


def lay_out_businesses(folder: Path, front: Front) -> None:
    """The packaged ones, open at every hour of every day, one of them with a calendar and with people who are told of hand-offs."""
    lay_out(folder, datetime.now(UTC))
    for profile in folder.glob("*.toml"):
        text = _HOURS.sub('= ["00:00-24:00"]', profile.read_text(encoding="utf-8"))
        profile.write_text(re.sub(r"(?m)^closed_days = .*$", "closed_days = []", text), encoding="utf-8")
    clinic = (folder / "whitedent.toml").read_text(encoding="utf-8")
    clinic = clinic.replace(
        "[directory.front_desk]\n", f'[directory.front_desk]\nnotify_url = "{front.url}{TOLD}"\n'
    ).replace("[directory.front_desk.hours]\n", '[directory.front_desk.hours]\nsunday = ["00:00-24:00"]\n')
    more = f'\n[calendar]\nfeed = true\nbusy = ["{front.url}{BUSY}"]\n\n[handoff]\nmode = "attended"\n'
    (folder / "whitedent.toml").write_text(clinic + more, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Account:
    """An emulator that holds the artefacts, whose functions find a carrier and are witnessed. Stacks are deployed into it."""

    aws: LocalAws
    seen: Witness
    front: Front
    town: Town
    crm: Crm
    enforces: bool

    def deployed(self, template: Processed, **parameters: str) -> Stack:
        given = {
            "PublicUrl": self.front.url,
            "BridgeUrl": self.town.media_url,
            "WebhookAuth": "signature+path",
            "Arch": "x86_64",
            **parameters,
        }
        return self.of(deploy(self.aws, template, SECRETS, given), template)

    def of(self, made: Deployed, template: Processed) -> Stack:
        self.front.api_host = f"{made.resources['HttpApi']}.execute-api.localhost"
        return Stack(made, template, self.seen, self.front, self.town, self.crm, self.enforces)


@contextmanager
def account(code: Mapping[str, Path], folder: Path, *, enforces: bool) -> Iterator[Account]:
    with tls_front(folder / "front") as front, town(front) as people, witness() as seen, running(Crm()) as crm:
        front.pages[BUSY] = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nEND:VCALENDAR\r\n"
        lay_out_businesses(folder / "profiles", front)
        environ = {
            "SAUTIKIT_API_BASE": people.carrier.base_url,
            "AWS_ENDPOINT_URL": seen.url,
            "POKEA_PROFILES_DIR": str(folder / "profiles"),
            "POKEA_ALLOW_PRIVATE_BACKENDS": "on",
            "SSL_CERT_FILE": str(front.certificate),
        }
        with emulated(folder, enforces=enforces, environ=environ) as aws:
            seen.upstream = front.upstream = aws.endpoint_url.removeprefix("http://")
            upload(aws.endpoint_url, code)
            yield Account(aws, seen, front, people, crm, enforces)
