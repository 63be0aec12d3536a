"""How long the voice function takes to answer a ringing hook, in process and without the store's own time: p50 and p99.

    python -m bench.voice_hook [--calls 2000] [--limit-ms 10] [--json]

Real handler, real signature of the path, real document, each caller counted and given a seat; the store is a dictionary. Exits with 1 when
the p99 is over the limit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tests.support.control_plane import ControlPlane, form, posted

LIMIT_MS = 10.0
WARM_UP = 50
BEAT_EVERY = 50  # rings, which is every ten seconds
PLACES = 1_000


def measure(calls: int) -> list[float]:
    """Milliseconds of each answer, fastest first. Every hook is a new call."""
    plane = ControlPlane(has_door=True)
    events = [posted("/voice", form("Ringing", **_caller(number))) for number in range(calls + WARM_UP)]
    taken = []
    for number, event in enumerate(events):
        plane.clock.advance(0.2)
        if number % BEAT_EVERY == 0:
            plane.tools({"operation": "beat", "bridge": "b1", "release": "r1", "free": PLACES}, None)
        started = time.perf_counter()
        reply = plane.voice(event, None)
        taken.append((time.perf_counter() - started) * 1_000)
        if reply["statusCode"] != 200 or "<Stream" not in str(reply["body"]):
            raise SystemExit(f"not answered with a stream: {reply}")
    return sorted(taken[WARM_UP:])


def _caller(number: int) -> dict[str, str]:
    return {"sessionId": f"HD_{number:012x}", "callerNumber": f"+2547{number:08}"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.voice_hook", description="Answer time of functions/voice")
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    taken = measure(options.calls)
    p50, p99 = (round(taken[int(share * (len(taken) - 1))], 2) for share in (0.5, 0.99))
    within = p99 <= options.limit_ms
    if options.json:
        measured = {"ms": {"p50": p50, "p99": p99}, "calls": options.calls}
        print(json.dumps({**measured, "limit_ms": options.limit_ms, "ok": within}))
    else:
        print(f"{p50:8.2f} ms  p50")
        print(f"{p99:8.2f} ms  p99 of {options.calls} hooks")
        print(f"limit {options.limit_ms:g} ms for the p99: {'kept' if within else 'BROKEN'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
