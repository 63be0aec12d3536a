"""`pokea profile check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pokea.errors import CallError
from pokea.profile import load_profile


def run_check(files: list[Path], as_json: bool) -> int:
    """0 if every profile is sound, else 2; each bad one gets one line."""
    results: list[dict[str, object]] = []
    for file in files:
        try:
            profile = load_profile(file)
        except CallError as error:
            results.append({"file": str(file), "ok": False, "problem": error.message})
        else:
            results.append(
                {"file": str(file), "ok": True, "business": profile.name, "number": str(profile.line.number)}
            )
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: {result['business']} on {result['number']}")
            else:
                print(f"pokea: {result['problem']}", file=sys.stderr)
    return 0 if all(result["ok"] for result in results) else 2
