"""`POST {base}/chat/completions` with `stream: true`: what is sent, and what comes back as server-sent events.

The form is OpenAI's; vLLM, llama.cpp, Ollama and LocalAI speak it with differences that are met here: a whole tool call in one piece, ids
that are missing, no index, a usage chunk or none, errors as an event in mid-stream, an end without [DONE].
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.core.cascade_frames import (
    Complete,
    CompletionDone,
    Delta,
    Message,
    Role,
    StageEvent,
    StageFailed,
    TokensUsed,
    ToolDelta,
)
from bridge.core.frames import Buffer, Loss, ToolDeclaration, WireError
from bridge.wire.stage_errors import detail_of, loss_of
from bridge.wire.token_counts import count

_LINE_LIMIT_BYTES = 1024 * 1024  # one event; a whole answer in one would be far less


def request_body(order: Complete, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in order.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if order.tools:
        body["tools"] = [_tool(tool) for tool in order.tools]
    return body


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.answers, "content": message.text}
    encoded: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.tool_calls:
        encoded["content"] = message.text or None
        encoded["tool_calls"] = [
            {"id": call.tool_call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return encoded


def _tool(tool: ToolDeclaration) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


class ChatStream:
    """The answer to one request, fed as its bytes come. Ends with CompletionDone or StageFailed, once."""

    def __init__(self, request: int) -> None:
        self._request = request
        self._line = bytearray()
        self._finished = False  # the model said that it is done
        self._over = False
        self._used: TokensUsed | None = (
            None  # the latest count: some servers count in every chunk, each time all so far
        )

    @property
    def is_over(self) -> bool:
        return self._over

    def feed(self, data: Buffer) -> list[StageEvent]:
        """Any number of bytes. Raises WireError for what is no event stream of chat completions."""
        if self._over:
            return []
        self._line += data
        *lines, rest = self._line.split(b"\n")
        if len(rest) > _LINE_LIMIT_BYTES:
            raise WireError("event_too_long")
        self._line = rest
        events: list[StageEvent] = []
        for line in lines:
            if self._over:
                break
            events += self._on_line(line)
        return events

    def end(self) -> list[StageEvent]:
        """The body is over. A server that closes without [DONE] has still answered, if the model had said that it was done."""
        if self._over:
            return []
        events = self._on_line(self._line) if self._line else []
        if not self._over:
            self._over = True
            events += self._ended(
                self._done() if self._finished else self._failed(Loss.NETWORK, 0, "the stream was cut")
            )
        return events

    def _ended(self, how: StageEvent) -> list[StageEvent]:
        return [how] if self._used is None else [self._used, how]

    def _on_line(self, line: Buffer) -> list[StageEvent]:
        # Only `data` fields matter here; comments (": ping") keep a connection open, and `event`, `id` and blank lines say nothing.
        field, _, value = bytes(line).rstrip(b"\r").partition(b":")
        if field != b"data":
            return []
        value = value.strip()
        if value == b"[DONE]":
            self._over = True
            return self._ended(self._done())
        if not value:
            return []
        try:
            chunk = json.loads(value)
        except (ValueError, RecursionError):
            raise WireError("event_not_json") from None
        if not isinstance(chunk, dict):
            raise WireError("event_of_unknown_shape")
        return list(self._on_chunk(chunk))

    def _on_chunk(self, chunk: Mapping[str, Any]) -> Iterator[StageEvent]:
        if chunk.get("error"):
            self._over = True
            code, reason = detail_of(chunk)
            yield from self._ended(self._failed(loss_of(code, reason), code, reason))
            return
        for choice in _objects(chunk.get("choices")):
            # `message` instead of `delta`: a server that does not stream what holds a tool call.
            yield from self._on_delta(choice.get("delta") or choice.get("message"))
            self._finished = self._finished or bool(choice.get("finish_reason"))
        if isinstance(usage := chunk.get("usage"), dict):
            self._used = self._tokens(usage)

    def _on_delta(self, delta: Any) -> Iterator[StageEvent]:
        if not isinstance(delta, dict):
            return
        if isinstance(text := delta.get("content"), str) and text:
            yield Delta(self._request, text)
        for position, call in enumerate(_objects(delta.get("tool_calls"))):
            function = call.get("function")
            function = function if isinstance(function, dict) else {}
            arguments = function.get("arguments")
            if isinstance(arguments, dict):  # some send the object itself
                arguments = json.dumps(arguments, ensure_ascii=False)
            index = call.get("index")
            yield ToolDelta(
                self._request,
                index if isinstance(index, int) else position,
                _text(call.get("id")),
                _text(function.get("name")),
                _text(arguments),
            )

    def _tokens(self, usage: Mapping[str, Any]) -> TokensUsed:
        details, heard = usage.get("completion_tokens_details"), usage.get("prompt_tokens_details")
        thoughts = count(details.get("reasoning_tokens")) if isinstance(details, dict) else 0
        cached = count(heard.get("cached_tokens")) if isinstance(heard, dict) else 0
        prompt, response = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
        total = count(usage.get("total_tokens")) or prompt + response
        return TokensUsed(self._request, prompt, response, thoughts, total, cached)

    def _done(self) -> CompletionDone:
        return CompletionDone(self._request)

    def _failed(self, loss: Loss, code: int, reason: str) -> StageFailed:
        return StageFailed(self._request, loss, code, reason)


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
