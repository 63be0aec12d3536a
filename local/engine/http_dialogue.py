"""The rule dialogue behind a chat interface that remembers nothing: every request tells the whole conversation, which is replayed.

What the agent's own messages say is not read, because the rules say the same again. A conversation that another engine began is restored
from the brief in its system message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.engine.conversation import KEYED
from local.engine.dialogue import Act, Dialogue, Say
from local.engine.http_wire import BadRequest
from local.engine.subject import subject_of
from local.engine.takeover import brief_in, restored
from local.engine.talks import talk_for

_READ_ALOUD = re.compile(r'^(?:read this aloud|say exactly this)\b.*?: "(.*)"$', re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(r"\b(English|Swahili)\b")


def replayed(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> tuple[Dialogue, list[Act]]:
    """The dialogue after the last message, and what it does about that. Raises BadRequest for messages that do not follow the form."""
    dialogue = begun(system_text(messages), tools)
    names: dict[str, str] = {}  # by tool call id
    acts: list[Act] = []
    told = [message for message in messages if message.get("role") != "system"]
    for index, message in enumerate(told):
        match message.get("role"):
            case "user":
                following = told[index + 1].get("role") if index + 1 < len(told) else "assistant"
                acts = _heard(dialogue, _text(message), answered=following == "assistant")
            case "assistant":
                names.update(_calls(message))
                acts = []
            case "tool":
                identifier = str(message.get("tool_call_id"))
                if identifier not in names:
                    raise BadRequest(
                        f"messages with role 'tool' must answer a preceding message with 'tool_calls': {identifier}"
                    )
                acts = [*acts, *_answered(dialogue, names.pop(identifier), _text(message))]
            case role:
                raise BadRequest(f"no such role: {role}")
    if names:
        raise BadRequest(
            f"an assistant message with 'tool_calls' must be followed by tool messages: {', '.join(names)}"
        )
    return dialogue, acts


def system_text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_text(message) for message in messages if message.get("role") == "system")


def begun(instructions: str, tools: Sequence[Mapping[str, Any]]) -> Dialogue:
    """A dialogue for the tools and the instructions; its language is the first one that the instructions name."""
    subject = subject_of([tool.get("function") or {} for tool in tools])
    named = _LANGUAGE.search(instructions)
    language = "sw" if named and named[1] == "Swahili" else "en"
    if (brief := brief_in(instructions)) is not None:
        return restored(brief, subject, language)
    return talk_for(subject, language, instructions)


def _heard(dialogue: Dialogue, text: str, *, answered: bool) -> list[Act]:
    if match := _READ_ALOUD.match(text.strip()):
        dialogue.last_said = match[1]
        return [Say(match[1])]
    if KEYED.match(text):
        return dialogue.keyed()
    if text.startswith("["):  # a note about the connection, not the caller's words
        return dialogue.noted()
    words = text.lower().strip(" .!?")
    return dialogue.heard(words) if answered else dialogue.overheard(words)


def _answered(dialogue: Dialogue, tool: str, text: str) -> list[Act]:
    try:
        payload = json.loads(text)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return dialogue.tool_answered(tool, {})
    inner = payload.get("result")  # some clients wrap what the tool returned
    return dialogue.tool_answered(tool, inner if isinstance(inner, Mapping) else payload)


def _calls(message: Mapping[str, Any]) -> dict[str, str]:
    calls = message.get("tool_calls") or []
    return {str(call.get("id")): str((call.get("function") or {}).get("name")) for call in calls}


def _text(message: Mapping[str, Any]) -> str:
    """`content` as it may be sent: text, parts, or nothing."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""
