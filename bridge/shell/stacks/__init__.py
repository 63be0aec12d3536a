"""The phone leg's WebSocket stack: the one place where it is chosen. Every stack passes the same wire tests."""

from __future__ import annotations

from bridge.shell.phone import TakeOver

STACKS = ("picows", "websockets")  # the first is the default: it costs a third of the second (bench/)


def take_over_by(stack: str) -> TakeOver:
    """The stack of this name, imported only when it is used."""
    if stack == "websockets":
        from bridge.shell.stacks import with_websockets

        return with_websockets.take_over
    from bridge.shell.stacks import with_picows

    return with_picows.take_over
