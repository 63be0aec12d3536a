"""One response of the simulated Realtime service: its items, its audio, its end, in the order in which the service sends them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.realtime_audio import Converter, bytes_per_ms, from_pcm, rate_of

if TYPE_CHECKING:
    from local.realtime_server import RealtimeSession

OUT_HZ = 24_000
CHUNKS_MS = (200, 100, 60, 400)


@dataclass(slots=True)
class Item:
    """An item of the conversation. audio_ms: what was sent of it; kept_ms: where the client cut it."""

    value: dict[str, Any]
    audio_ms: float = 0.0
    transcript: str = ""
    kept_ms: int | None = None

    @property
    def call_id(self) -> str:
        return str(self.value.get("call_id")) if self.value["type"] == "function_call" else ""


class Reply:
    """Fill it and end it with `done`. What is said after it was cancelled is dropped, as the service drops it."""

    def __init__(self, session: RealtimeSession, response_id: str, number: int) -> None:
        self._session = session
        self.response_id, self.number = response_id, number
        self.is_over = False
        self._output: list[dict[str, Any]] = []
        self._message: Item | None = None
        self._converter = Converter(OUT_HZ, OUT_HZ)
        self._pieces = 0

    async def begin(self) -> None:
        await self._session.send("response.created", response=self._resource("in_progress"))

    # --- speech -------------------------------------------------------------------------------------------------------------

    async def speak(self, words: str, pcm24k: bytes) -> None:
        """A piece of speech and the words in it."""
        if self.is_over:
            return
        if self._session.faults.second_item and self._pieces == 1:
            await self.end_message()
        self._pieces += 1
        message = self._message or await self._begin_message()
        if words:
            message.transcript += words
            await self._part("response.output_audio_transcript.delta", message, delta=words)
        await self._deltas(message, self._converter.push(pcm24k))

    async def _deltas(self, message: Item, pcm: bytes) -> None:
        form = self._session.output_format()
        audio, start, turn = from_pcm(pcm, form), 0, 0
        while start < len(audio) and not self.is_over:
            size = CHUNKS_MS[turn % len(CHUNKS_MS)] * bytes_per_ms(form)
            await self._delta(message, audio[start : start + size])
            start, turn = start + size, turn + 1

    async def _delta(self, message: Item, audio: bytes) -> None:
        length_ms = len(audio) / bytes_per_ms(self._session.output_format())
        message.audio_ms += length_ms
        await self._part("response.output_audio.delta", message, delta=base64.b64encode(audio).decode())

    async def _part(self, kind: str, item: Item, **fields: Any) -> None:
        place = {"response_id": self.response_id, "item_id": item.value["id"], "output_index": self._index(item)}
        await self._session.send(kind, **place, content_index=0, **fields)

    def _index(self, item: Item) -> int:
        return self._output.index(item.value)

    async def _begin_message(self) -> Item:
        self._message = item = self._add("message", role="assistant", content=[])
        self._converter = Converter(OUT_HZ, rate_of(self._session.output_format()))
        await self._announce(item)
        await self._part("response.content_part.added", item, part={"type": "audio", "transcript": ""})
        return item

    def _add(self, kind: str, **fields: Any) -> Item:
        session = self._session
        value = {
            "id": session.new_id("item"),
            "object": "realtime.item",
            "type": kind,
            "status": "in_progress",
            **fields,
        }
        item = session.items[value["id"]] = Item(value)
        self._output.append(value)
        return item

    async def _announce(self, item: Item) -> None:
        place = {"response_id": self.response_id, "output_index": self._index(item)}
        await self._session.send("response.output_item.added", **place, item=item.value)
        await self._session.send("conversation.item.added", previous_item_id=None, item=item.value)

    async def end_message(self, status: str = "completed") -> None:
        """The speech so far is one item; more speech would be another."""
        if not self.is_over:
            if self._message is not None:
                await self._deltas(self._message, self._converter.rest())
            await self._end_message(status)

    async def _end_message(self, status: str) -> None:
        item, self._message = self._message, None
        if item is None:
            return
        item.value["status"] = status
        item.value["content"] = [{"type": "output_audio", "transcript": item.transcript}]
        await self._part("response.output_audio.done", item)
        await self._part("response.output_audio_transcript.done", item, transcript=item.transcript)
        await self._part("response.content_part.done", item, part={"type": "audio", "transcript": item.transcript})
        await self._finish(item)

    async def _finish(self, item: Item) -> None:
        place = {"response_id": self.response_id, "output_index": self._index(item)}
        await self._session.send("response.output_item.done", **place, item=item.value)
        await self._session.send("conversation.item.done", previous_item_id=None, item=item.value)

    # --- calls --------------------------------------------------------------------------------------------------------------

    async def call(self, call_id: str, name: str, arguments: Mapping[str, Any] | str) -> None:
        """A function call; `arguments` as a string go out as they are."""
        if self.is_over:
            return
        await self.end_message()
        text = arguments if isinstance(arguments, str) else json.dumps(dict(arguments))
        item = self._add("function_call", call_id=call_id, name=name, arguments="")
        await self._announce(item)
        place = {"response_id": self.response_id, "item_id": item.value["id"], "output_index": self._index(item)}
        await self._session.send("response.function_call_arguments.delta", **place, call_id=call_id, delta=text)
        await self._session.send(
            "response.function_call_arguments.done", **place, call_id=call_id, name=name, arguments=text
        )
        item.value |= {"arguments": text, "status": "completed"}
        await self._finish(item)

    # --- the end ------------------------------------------------------------------------------------------------------------

    async def done(self, status: str = "completed", details: Mapping[str, Any] | None = None) -> None:
        if self.is_over:
            return
        if status == "completed":
            await self.end_message()
        self.is_over = True  # from here on nothing else gets in
        await self._end_message("completed" if status == "completed" else "incomplete")
        if self._session.active is self:
            self._session.active = None
        await self._session.send("response.done", response=self._resource(status, details))

    async def cancel(self, reason: str) -> None:
        message, late = self._message, self._session.faults.late_deltas
        await self._late(message, late)
        await self.done("cancelled", {"type": "cancelled", "reason": reason})
        await self._late(message, late)

    async def _late(self, message: Item | None, count: int) -> None:
        for _ in range(count if message is not None else 0):
            assert message is not None  # counted above
            await self._delta(message, bytes(200 * bytes_per_ms(self._session.output_format())))

    def _resource(self, status: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
        resource: dict[str, Any] = {
            "object": "realtime.response",
            "id": self.response_id,
            "status": status,
            "status_details": dict(details) if details else None,
            "output": self._output if status != "in_progress" else [],
            "output_modalities": ["audio"],
            "conversation_id": "conv_1",
            "max_output_tokens": "inf",
            "usage": None,
        }
        if status != "in_progress":
            resource["usage"] = self._session.bill.response(self._session, self._output)
        return resource
