"""What is measured: the bridge in the forms that matter, and the relays it is compared with."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class System:
    """One thing under load. `settings` go into its environment; `relay` is None for the bridge."""

    name: str
    about: str
    relay: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> str:
        """Why it cannot run here; empty if it can."""
        return "" if self.relay != "node" or shutil.which("node") else "there is no node on this machine"

    def command(self) -> list[str]:
        if self.relay is None:
            return [sys.executable, "-m", "bridge"]
        if self.relay == "node":
            return ["node", str(ROOT / "bench/relays/plain_node.mjs")]
        return [sys.executable, "-m", f"bench.relays.{self.relay}"]

    def environ(self, phone_port: int, model_port: int, workers: int) -> dict[str, str]:
        model = f"ws://127.0.0.1:{model_port}/model"
        own = {"PHONE_PORT": str(phone_port), "MODEL_URL": model}
        if self.relay is None:
            own = {
                "POKEA_BRIDGE_PORT": str(phone_port),
                "POKEA_GEMINI_URL": model,
                "POKEA_STREAM_AUTH": "off",
                "POKEA_BRIDGE_WORKERS": str(workers),
                "POKEA_MAX_CALLS": "1000",
            }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POKEA_")}
        return {**inherited, **own, **self.settings}


_SHORT_LEAD = {"POKEA_PLAYOUT_LEAD_MS": "40", "POKEA_KILL_AUDIO": "off"}

BRIDGE = System(
    "bridge", "this bridge, 40 ms lead, no killAudio: the form the relays are compared with", None, _SHORT_LEAD
)
BRIDGE_DEFAULT = System(
    "bridge, default lead",
    "this bridge, 160 ms lead, killAudio",
    None,
    {"POKEA_PLAYOUT_LEAD_MS": "160", "POKEA_KILL_AUDIO": "on"},
)
BRIDGE_GUARDED = System(
    "bridge, echo guard",
    "this bridge, 40 ms lead, with the echo guard on the line as well",
    None,
    {**_SHORT_LEAD, "POKEA_ECHO_GUARD": "on"},
)
PACED = System("paced relay", "picows + uvloop, resampling and 20 ms pacing, nothing else: the yardstick", "paced")
NODE = System(
    "node relay", "Node; the `ws` package where it is installed, else small code of its own; bursts sent on", "node"
)
WEBSOCKETS = System("websockets relay", "Python `websockets` + uvloop, bursts sent on as they come", "plain_websockets")

RIVALS = (PACED, NODE, WEBSOCKETS)
