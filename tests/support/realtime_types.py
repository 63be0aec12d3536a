"""OpenAI's Realtime messages held against the official SDK's own types, which know every event by its `type`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from openai.types import realtime
from pydantic import BaseModel


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    """The SDK's classes by the literal of their `type`; the union may be annotated and nested."""
    return {
        literal: member for member in _members(union) for literal in get_args(member.model_fields["type"].annotation)
    }


def _members(union: Any) -> Iterator[type[BaseModel]]:
    for member in get_args(union):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member
        elif get_args(member):
            yield from _members(member)


SERVER_EVENTS = _by_type(realtime.RealtimeServerEvent)
CLIENT_EVENTS = _by_type(realtime.RealtimeClientEvent)


def check_server_event(message: Mapping[str, Any]) -> BaseModel:
    """Raises for a type that the SDK does not know, for missing fields, and for fields that it has no name for."""
    return _checked(SERVER_EVENTS[message["type"]], message)


def check_client_event(message: Mapping[str, Any]) -> BaseModel:
    return _checked(CLIENT_EVENTS[message["type"]], message)


def _checked(model: type[BaseModel], message: Mapping[str, Any]) -> BaseModel:
    parsed = model.model_validate(message)
    unknown = list(_unknown(parsed, message["type"]))
    assert not unknown, f"fields that the SDK does not know: {unknown}"
    return parsed


def _unknown(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{where}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _unknown(member, where)
