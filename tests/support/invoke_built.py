"""Run by a bare interpreter with nothing but an artefact of `sam build` on its path: imports a handler, invokes it, prints what came.

python -S invoke_built.py functions.voice.app.handler <event.json>      → one line: import_ms, reply, where the code came from
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


class Context:
    """As much of Lambda's as handlers read."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name = "built"
    memory_limit_in_mb = 1_024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:built:live"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def main(handler_name: str, event_file: str) -> None:
    module_name, _, attribute = handler_name.rpartition(".")
    began_s = time.perf_counter()
    module = importlib.import_module(module_name)
    import_ms = round((time.perf_counter() - began_s) * 1000)
    asyncio.set_event_loop(asyncio.new_event_loop())
    event: Any = json.loads(Path(event_file).read_text(encoding="utf-8"))
    reply = getattr(module, attribute)(event, Context())
    stray = [path for path in sys.path if "site-packages" in path]
    foreign = sorted(
        name
        for name, found in tuple(sys.modules.items())
        if "site-packages" in (getattr(found, "__file__", None) or "")
    )
    print(json.dumps({"import_ms": import_ms, "reply": reply, "stray": stray + foreign}))


if __name__ == "__main__":
    main(*sys.argv[1:])
