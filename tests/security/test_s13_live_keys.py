"""S13 on a real bridge with the simulated carrier: its keys are replaced under live calls, are wrong, and are nowhere in what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bridge.core.breaker import FAILURES
from local.live_server import Handler, LiveServer
from pokea.ids import SessionId
from tests.integration.bridge_peers import HttpPeer
from tests.integration.test_bridge_process import get
from tests.support.canaries import spellings, traces
from tests.support.control_plane import PATH_SECRET, TOKEN_KEY
from tests.support.rolling import DEAF_MS, OLD, Conversation, Generation, House, Witness, house, record_words
from tests.support.rotation import steps_of

MODEL, CARRIER = "GEMINI_API_KEY", "SAUTIKIT_API_KEY"
WORDS_MS = 1_200
READ_WITHIN_S = 6.0  # this bridge reads every second what others read every five minutes


def drawn(name: str) -> str:
    """With characters that a URL and base64 change."""
    return f"{name}/+={secrets.token_hex(16)}~"


class LockedModel(LiveServer):
    """Takes nobody without one of `keys`. `shown`: what it was shown, in order."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self.keys: set[str] = set()
        self.shown: list[str] = []

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        key = request.headers.get("x-goog-api-key", "")
        self.shown.append(key)
        if key not in self.keys:
            return connection.respond(HTTPStatus.UNAUTHORIZED, f"API key not valid: {key}\n")
        return super()._admit(connection, request)


class Room:
    """A bridge whose keys are in Secrets Manager, and all that it writes."""

    def __init__(self, here: House, folder: Path) -> None:
        self.here, self.folder = here, folder
        self.old = {name: drawn("old") for name in (MODEL, CARRIER)}
        self.new = {name: drawn("new") for name in (MODEL, CARRIER)}
        self.book = dict(self.old)
        self.tokens: set[str] = set()
        self.models: list[LockedModel] = []
        self.bridge: Generation
        self._read = asyncio.Event()
        here.carrier.api_key = self.old[CARRIER]
        self._tools, here.plane.tools = here.plane.tools, self._seen

    @property
    def model(self) -> LockedModel:
        return self.models[0]

    def serve(self, handler: Handler) -> LiveServer:
        self.models.append(LockedModel(handler))
        self.model.keys = {self.old[MODEL]}
        return self.model

    def secrets_manager(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self._read.set()
        return 200, {"ARN": "arn:aws:secretsmanager:a:0:secret:pokea", "SecretString": json.dumps(self.book)}

    async def read_again(self) -> None:
        """What was read before may still be on its way; after the second time from now it is known. Who never reads is not waited for."""
        for _ in range(2):
            self._read.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._read.wait(), READ_WITHIN_S)

    async def follow(self, heading: str, name: str) -> None:
        for step in steps_of(heading):
            if step.startswith("Make a second key at"):
                self._holders(name).add(self.new[name])
            elif step == f"Set `{name}` to `new`.":
                self.book[name] = self.new[name]
            elif re.fullmatch(r"Wait \d+ minutes\.", step):
                await self.read_again()
            elif step.startswith("Revoke the old key at"):
                self._holders(name).discard(self.old[name])
                if name == CARRIER:
                    self.here.carrier.api_key = self.new[name]
            else:
                raise AssertionError(f"nobody knows how to do this: {step}")

    def written(self) -> list[tuple[str, bytes]]:
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".wav"]
        said = self.here.plane.logged.getvalue().encode()
        return [("the control plane's log", said), *((path.name, path.read_bytes()) for path in files)]

    def traces(self) -> list[str]:
        kept = [*self.old.values(), *self.new.values(), TOKEN_KEY, PATH_SECRET, *self.tokens]
        return traces(kept, self.written())

    async def closed_as(self, one: Conversation) -> str:
        """What the bridge told of the end, which it does once the leg is down."""
        session_id = SessionId(one.call.session_id)
        async with asyncio.timeout(20):
            while (closing := self.here.plane.closings.closing(session_id)) is None:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
        return closing.reason.value

    def refused(self) -> int:
        """What the bridge's metrics say of keys."""
        text = (self.folder / "output").read_text(encoding="utf-8")
        return sum(int(json.loads(line)["KeyRefused"]) for line in text.splitlines() if line.startswith('{"_aws"'))

    def _holders(self, name: str) -> set[str]:
        return self.model.keys if name == MODEL else self.here.carrier.more_keys

    def _seen(self, event: Any, context: Any) -> dict[str, Any]:
        answer = self._tools(event, context)
        result = answer.get("result")
        token = result.get("call_token") if isinstance(result, dict) else None
        self.tokens |= {str(one) for one in (event.get("token"), event.get("call_token"), token) if one}
        return answer


@contextlib.asynccontextmanager
async def room(folder: Path, build: str = "", **book: str) -> AsyncIterator[Room]:
    record_words(folder / "clips", WORDS_MS)
    for name in ("frames", "records", "outbox"):
        (folder / name).mkdir()
    with (folder / "output").open("wb") as output:
        async with house() as here:
            made = Room(here, folder)
            made.book |= book
            async with (
                HttpPeer(made.secrets_manager) as manager,
                here.release(
                    OLD, build, module="tests.faults.broken.keys", serve=made.serve, output=output.fileno(),
                    SAUTIKIT_API_KEY="", POKEA_SECRETS_ID="pokea", AWS_ENDPOINT_URL_SECRETS_MANAGER=manager.url, POKEA_METRICS_S="1",
                    POKEA_CLIPS_DIR=str(folder / "clips"), POKEA_FRAMES_DIR=str(folder / "frames"),
                    POKEA_CALL_RECORDS_DIR=str(folder / "records"), POKEA_OUTBOX_DIR=str(folder / "outbox"),
                    POKEA_CDR_QUEUE_URL="http://127.0.0.1:9/000000000000/cdr",
                ) as made.bridge,
            ):  # fmt: skip
                yield made


def unanswered(calls: list[Conversation]) -> list[str]:
    return [
        f"{one.call.released_by or 'on the line'}, {one.talker.longest_wait_ms} ms without an answer"
        for one in calls
        if not one.call.is_live or one.talker.longest_wait_ms >= DEAF_MS
    ]


async def replaced(folder: Path, live: int, build: str = "") -> tuple[list[str], list[str]]:
    """What callers noticed, and where secrets were found."""
    async with room(folder, build) as here:
        before = await here.here.dial(live)
        await here.follow("The carrier's key", CARRIER)
        await here.follow("A model's key", MODEL)
        shown = len(here.model.shown)
        after = await here.here.dial(4)
        breaches = unanswered([*before, *after])
        breaches += [
            f"a new call shows {'the old' if key == here.old[MODEL] else 'another'} key"
            for key in here.model.shown[shown:]
            if key != here.new[MODEL]
        ]
        here.bridge.model.may_end = True  # whom the agent says goodbye to is hung up with the carrier's new key
        for one in [*before, *after]:
            with contextlib.suppress(TimeoutError):
                await one.call.ended(20)
        breaches += [
            f"released by {one.call.released_by}" for one in [*before, *after] if one.call.released_by != "api"
        ]
        page = (await get(here.bridge.port, "/readyz")).encode()
        (here.folder / "readyz").write_bytes(page)
    return breaches, here.traces()


@pytest.mark.faults
async def test_fifty_live_calls_go_on_while_the_keys_are_replaced_and_new_ones_use_the_new_keys(tmp_path: Path) -> None:
    assert await replaced(tmp_path, 50) == ([], [])


@pytest.mark.faults
async def test_a_bridge_that_keeps_its_first_keys_for_ever_is_found_out(tmp_path: Path) -> None:
    breaches, _ = await replaced(tmp_path, 2, "keeps_what_it_read_first")
    assert any("the old key" in breach for breach in breaches)


@pytest.mark.faults
async def test_a_bridge_that_logs_a_header_is_found_out(tmp_path: Path) -> None:
    assert await replaced(tmp_path, 2, "logs_a_header") == ([], ["output"])


@pytest.mark.faults
async def test_a_wrong_key_raises_an_alarm_and_callers_hear_an_apology_until_it_is_put_right(tmp_path: Path) -> None:
    async with room(tmp_path, **{MODEL: drawn("wrong")}) as here:
        calls = await here.here.dial(10, 0.1, kind=Witness)
        waits: list[int] = []
        for one in calls:
            await one.call.ended(20)
            assert isinstance(one.talker, Witness)
            assert one.talker.recorded_ms >= WORDS_MS - 200
            waits.append(one.talker.longest_wait_ms)
            assert (one.call.released_by, await here.closed_as(one)) == ("api", "model_lost")
        assert max(waits) < DEAF_MS, waits
        here.book[MODEL] = here.old[MODEL]
        await here.read_again()
        (late,) = await here.here.dial(1)
        async with asyncio.timeout(20):
            while late.talker.heard_ms < 600:  # noqa: ASYNC110  # the line's clock
                await asyncio.sleep(0.02)
        assert late.call.is_live
    assert here.refused() >= FAILURES  # after so many the model is not asked by every call
    assert here.traces() == []


@pytest.mark.parametrize("before", ["", "k", "ke"])
def test_the_scanner_knows_a_secret_in_every_spelling(before: str) -> None:
    secret = drawn("key")
    for text in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        b64encode(f"{before}{secret}:".encode()).decode(),
        secret.encode().hex(),
    ):
        assert traces([secret], [("a log", f'{{"said": "{text}"}}'.encode())]) == ["a log"]
    assert traces([secret], [("a log", drawn("key").encode())]) == []
    assert all(len(spelling) > 20 for spelling in spellings(secret))
