"""State tables as pictures: docs/states.md shows what the code runs on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Cause = TypeVar("Cause", bound=StrEnum)


def draw(table: Mapping[State, Mapping[Cause, State]], first: State, last: State | None = None) -> str:
    """`table` as a Mermaid state diagram; rows that change nothing are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for state, row in table.items():
        lines += [f"    {state} --> {after}: {cause}" for cause, after in row.items() if after is not state]
    if last is not None:
        lines.append(f"    {last} --> [*]")
    return "\n".join(lines) + "\n"
