"""What a cold start of functions/voice costs: the time from starting an interpreter until the module is imported.

    python -m bench.import_cost [--limit-ms 350] [--json]

Best of five fresh interpreters with compiled bytecode, as in Lambda, where the bytecode ships with the code. Prints the import, the same
with the store's client made (which Lambda does while it prepares the environment), and a bare interpreter to compare machines by.
Exits with 1 when the import takes longer than the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MS = 350.0
RUNS = 5
STATEMENTS = {
    "bare interpreter": "pass",
    "import functions.voice.app": "import functions.voice.app",
    "the same, and the store's client": "import functions.voice.app; from pokea.adapters.clients import dynamodb; dynamodb()",
}


def best_ms(statement: str, runs: int = RUNS) -> float:
    """Wall-clock milliseconds of the fastest of `runs` fresh interpreters. One run before them writes the bytecode."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [sys.executable, "-c", statement]
    subprocess.run(command, cwd=ROOT, env=environ, check=True)
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environ, check=True)
        taken.append((time.perf_counter() - started) * 1_000)
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.import_cost", description="Cold start of functions/voice")
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    measured = {name: round(best_ms(statement), 1) for name, statement in STATEMENTS.items()}
    within = measured["import functions.voice.app"] <= options.limit_ms
    if options.json:
        print(json.dumps({"ms": measured, "limit_ms": options.limit_ms, "ok": within}))
    else:
        for name, taken_ms in measured.items():
            print(f"{taken_ms:8.1f} ms  {name}")
        print(f"limit {options.limit_ms:g} ms for the import: {'kept' if within else 'BROKEN'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
