"""Pages that are generated from the code they describe: settings from their table, diagrams from the state tables.

`python -m tests.house.docs` fails if a page is stale; with `--write` it writes them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bench import cost_page
from bridge.core import answering, breaker, consent, handoff, model_life, turns
from local.gateway_template import read_template
from pokea import calls, shipments, transfer
from pokea.adapters.setting_names import SETTINGS
from pokea.campaigns import moves as contact_moves
from pokea.doctor.findings import CHECKS, TROUBLES

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
        ("Who answered a placed call, and what is done about it", "bridge.core.answering", answering.diagram()),
        ("Whether a call may be recorded now", "bridge.core.consent", consent.diagram()),
        ("A provider's circuit breaker", "bridge.core.breaker", breaker.diagram()),
    ):
        parts += [f"## {title}", "", f"`{module}`", "", "```mermaid", diagram.strip(), "```", ""]
    return "\n".join(parts)


DOCTOR_WAYS = """# `pokea doctor`

```
.venv/bin/pokea doctor                       # the running local stack (`pokea up`), or else what this shell's environment names
.venv/bin/pokea doctor --stack pokea         # a stack in AWS
.venv/bin/pokea doctor --only numbers --only wallet
```

Ten checks look at a set-up and say how to mend what is wrong. Exit code 1 if there is a problem, else 0; with `--strict` warnings and
what could not be looked at count, too. `--json` prints the same for programs. Nothing is changed, no call is placed, and no secret is
printed: of a URL's secret a fingerprint is shown, by which two can be told apart.

- `unknown` means that something could not be looked at, and why. It is never counted as sound.
- The hooks are probed with a message that names no call, once with our own proof and once with a wrong secret. The bridge is asked for
  an upgrade with a forged token: a bridge that can ask its tools function answers 401. A model is asked for a session and left at once.
- What live hooks prove themselves by is read from the voice function's log (`proof`, the latest 20 hooks of calls): the check says
  which settings of `POKEA_WEBHOOK_AUTH` they satisfy. Nothing can be said before the first call.
- Not looked at: the three services of a cascade, which are asked only when somebody speaks; clips and model keys inside a deployed
  bridge's image; whether the carrier reaches the hooks from where it stands.

With `--stack` it needs these permissions, all of them for reading: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`,
`lambda:GetFunctionConfiguration`, `lambda:InvokeFunction` on the tools function (a dry run), `ecs:DescribeTaskDefinition`,
`secretsmanager:GetSecretValue` on the stack's secret, `dynamodb:DescribeTable`, `sqs:GetQueueAttributes`, `s3:ListBucket`,
`logs:FilterLogEvents`, `elasticloadbalancing:DescribeLoadBalancerAttributes`, and with `CustomerKey=on` `kms:Decrypt` on output
`DataKeyArn`. What is refused becomes `unknown`.

The tables below are generated from the code: `python -m tests.house.docs --write`.
"""


def doctor_page() -> str:
    parts = [DOCTOR_WAYS]
    for check, what in CHECKS.items():
        parts += [
            f"## {check}",
            "",
            f"{what[0].upper()}{what[1:]}.",
            "",
            "| finding | standing | what to do |",
            "| --- | --- | --- |",
        ]
        parts += [
            f"| {_cell(trouble.says)} | {trouble.standing} | {_cell(trouble.fix)} |"
            for code, trouble in TROUBLES.items()
            if code.partition(".")[0] == check
        ]
        parts.append("")
    return "\n".join(parts)


def _cell(text: str) -> str:
    """{places} as … and nothing that ends a cell or looks like HTML."""
    return re.sub(r"\{[^}]*\}", "…", text).replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    pages = {
        "settings.md": settings_page(),
        "states.md": states_page(),
        "doctor.md": doctor_page(),
        "cost.md": cost_page.page(read_template(DOCS.parent / "template.yaml")),
    }
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
