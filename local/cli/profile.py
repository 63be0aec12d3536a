"""`pokea profile check`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pokea import agents
from pokea.adapters.public_http import check_url
from pokea.errors import CallError
from pokea.lines import BadProfile
from pokea.profile import Profile, load_profile


def run_check(files: list[Path], as_json: bool) -> int:
    """0 if every profile is sound, else 2; each bad one gets one line."""
    results: list[dict[str, object]] = []
    for file in files:
        try:
            profile = load_profile(file)
            _ask_agent(profile, file.name)
        except CallError as error:
            results.append({"file": str(file), "ok": False, "problem": error.message})
        else:
            number, agent = str(profile.line.number), profile.line.agent
            results.append({"file": str(file), "ok": True, "business": profile.name, "number": number, "agent": agent})
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: {result['business']} on {result['number']}, {result['agent']}")
            else:
                print(f"pokea: {result['problem']}", file=sys.stderr)
    return 0 if all(result["ok"] for result in results) else 2


def _ask_agent(profile: Profile, source: str) -> None:
    """Whether the agent that answers has all it needs. Raises BadProfile."""
    name = profile.line.agent
    if name not in agents.NAMES:
        raise BadProfile(source, "line.agent", f"{name!r} is not one of {', '.join(agents.NAMES)}")
    for domain, backend in profile.backends.items():
        try:
            check_url(backend.base_url, allow_private=os.environ.get("POKEA_ALLOW_PRIVATE_BACKENDS") == "on")
        except CallError as refused:
            raise BadProfile(source, f"backend.{domain}.base_url", refused.message) from None
    problem = agents.get(name).problem(profile)
    if problem is not None:
        key, separator, text = problem.partition(": ")
        raise BadProfile(source, key if separator else "", text if separator else problem)
