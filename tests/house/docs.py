"""Pages that are generated from the code they describe: settings from their table, diagrams from the state tables.

`python -m tests.house.docs` fails if a page is stale; with `--write` it writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bridge.core import breaker, consent, handoff, model_life, turns
from pokea import calls, shipments, transfer
from pokea.adapters.setting_names import SETTINGS
from pokea.campaigns import moves as contact_moves

DOCS = Path(__file__).resolve().parents[2] / "docs"

USUAL_NAMES = {
    "SAUTIKIT_API_KEY": "key of the carrier's REST API",
    "SAUTIKIT_API_BASE": "base URL of the carrier's REST API",
    "SAUTIKIT_WEBHOOK_SECRET": "secret that signs the carrier's hooks; several, separated by commas, while one is being replaced",
    "GEMINI_API_KEY": "key of the Gemini API",
    "OPENAI_API_KEY": "key of the OpenAI API",
    "OPENAI_BASE_URL": "base URL of a server that speaks OpenAI's Realtime wire: http(s)://host:port/v1",
    "GOOGLE_APPLICATION_CREDENTIALS": "Google's own: file with the credentials for POKEA_GEMINI_VERTEX, where none are found otherwise",
}


def settings_page() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in {**SETTINGS, **USUAL_NAMES}.items()]
    return "\n".join(
        [
            "# Settings",
            "",
            "Read from the environment once, at start. A malformed value or an unknown `POKEA_*` name stops the process",
            "with one line and exit code 2.",
            "This page is generated: `python -m tests.house.docs --write`.",
            "",
            "| name | what it does |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def states_page() -> str:
    parts = ["# State tables", "", "Drawn from the tables in the code: `python -m tests.house.docs --write`.", ""]
    for title, module, diagram in (
        ("A call", "pokea.calls", calls.diagram()),
        ("A hand-off to a person", "pokea.transfer", transfer.diagram()),
        ("A shipment", "pokea.shipments", shipments.diagram()),
        ("A contact of a campaign", "pokea.campaigns.moves", contact_moves.diagram()),
        ("Turn-taking in the bridge", "bridge.core.turns", turns.diagram()),
        ("The model's connections under one call", "bridge.core.model_life", model_life.diagram()),
        ("A hand-off, on either leg", "bridge.core.handoff", handoff.diagram()),
        ("Whether a call may be recorded now", "bridge.core.consent", consent.diagram()),
        ("A provider's circuit breaker", "bridge.core.breaker", breaker.diagram()),
    ):
        parts += [f"## {title}", "", f"`{module}`", "", "```mermaid", diagram.strip(), "```", ""]
    return "\n".join(parts)


def main() -> int:
    pages = {"settings.md": settings_page(), "states.md": states_page()}
    if "--write" in sys.argv[1:]:
        for name, text in pages.items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return 0
    stale = [
        name
        for name, text in pages.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
    print(
        "\n".join(f"docs/{name} is stale: python -m tests.house.docs --write" for name in stale)
        or "generated pages: current"
    )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
