"""Settings: one frozen dataclass per process, read from the environment once.

    @dataclass(frozen=True)
    class BridgeSettings:
        port: int = setting("POKEA_BRIDGE_PORT", integer(1, 65535), 8090)

    settings = load(BridgeSettings, os.environ)

A missing or malformed value, and any `POKEA_*` name that no part of the house knows, raise `BadSettings` with one line that names the
key; a process main prints that line and exits with 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar, cast

from pokea.adapters.setting_names import KNOWN
from pokea.errors import CallError

T = TypeVar("T")
Parse = Callable[[str], Any]


class BadSettings(CallError):
    """The environment does not describe a runnable process."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__("bad_settings", f"{name}: {problem}")
        self.name = name


def setting(name: str, parse: Parse, default: object = MISSING) -> Any:
    """One field of a settings dataclass. Without a default the setting is required."""
    metadata = {"name": name, "parse": parse}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def load(cls: type[T], environ: Mapping[str, str]) -> T:
    """An instance of `cls` read from `environ`. Raises BadSettings."""
    for name in environ:
        if name.startswith("POKEA_") and name not in KNOWN:
            raise BadSettings(name, "is not a Pokea setting (docs/settings.md lists them)")
    values: dict[str, object] = {}
    for item in fields(cast(Any, cls)):
        name, parse = item.metadata["name"], item.metadata["parse"]
        text = environ.get(name, "").strip()
        if not text:
            if item.default is MISSING:
                raise BadSettings(name, "is not set")
            continue
        try:
            values[item.name] = parse(text)
        except ValueError as problem:
            raise BadSettings(name, f"{text!r} {problem}") from None
    return cls(**values)


def string(text: str) -> str:
    return text


def integer(low: int, high: int) -> Parse:
    def parse(text: str) -> int:
        if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or not low <= int(text) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Parse:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"is not a number from {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise ValueError(f"is not a number from {low:g} to {high:g}")
        return value

    return parse


def choice(*allowed: str) -> Parse:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return text

    return parse


def switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("is not on or off")
    return text == "on"


def url(*schemes: str) -> Parse:
    def parse(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in schemes or not rest or rest.startswith("/"):
            raise ValueError(f"is not a URL with {' or '.join(s + '://' for s in schemes)}")
        return text.rstrip("/")

    return parse
