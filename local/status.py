"""The plain status page of the local stack: which numbers answer, what runs, the latest calls and what was said in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from local.engines import described
from local.stack import Desk, Stack

CALLS_SHOWN = 20

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>Pokea: local stack</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2330; background: #fbfbf9 }
 h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem } table { border-collapse: collapse; width: 100% }
 td, th { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #dcdcd4; vertical-align: top } th { font-weight: 600 }
 code { background: #efefe8; padding: .1rem .3rem; border-radius: .2rem } .note { color: #5a6270 }
 ol { list-style: none; padding: 0; margin: 0 }
 .agent { color: #14532d } .caller { color: #1e3a8a } .cut { opacity: .6 }
</style></head><body>
<h1>Pokea is answering</h1>
<p class="note">$engine</p>
<h2>Numbers</h2><table><tr><th>Number</th><th>Business</th><th>Agent</th><th>Ring it</th></tr>$numbers</table>
<h2>Processes</h2><table><tr><th>Name</th><th>Process</th><th>State</th></tr>$processes</table>
<h2>Latest calls</h2><table><tr><th>Call</th><th>What was said</th><th>Tools</th><th>Ended</th></tr>$calls</table>
</body></html>""")

OFFLINE = " The offline engine understands the demo phrases only; set GEMINI_API_KEY or OPENAI_API_KEY to talk to a real model."


def read_record(path: Path) -> list[dict[str, object]]:
    """The events of one call record; the last line may still be being written."""
    events: list[dict[str, object]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return events


def latest_records(folder: Path, count: int = CALLS_SHOWN) -> list[tuple[str, list[dict[str, object]]]]:
    """(session id, events) of the latest calls, newest first."""
    paths = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)[:count]
    return [(path.stem, read_record(path)) for path in paths]


def row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def call_row(session_id: str, events: list[dict[str, object]]) -> str:
    said = []
    for event in events:
        if event["event"] in ("agent_said", "caller_said"):
            who = str(event["event"]).removesuffix("_said")
            cut = " cut" if event.get("heard") is False else ""
            said.append(f'<li class="{who}{cut}">{who}: {escape(str(event.get("text", "")))}</li>')
    tools = [
        f"{escape(str(e.get('tool')))}: {escape(str(e.get('status')))}" for e in events if e["event"] == "tool_returned"
    ]
    ended = next((escape(str(e.get("reason"))) for e in events if e["event"] == "ended"), "on the line")
    return row([f"<code>{escape(session_id)}</code>", f"<ol>{''.join(said)}</ol>", "<br>".join(tools), ended])


def render(stack: Stack, desk: Desk) -> str:
    return PAGE.substitute(
        engine=escape(f"Model: {described(desk.legs)}." + (OFFLINE if desk.is_offline else "")),
        numbers="".join(
            row(
                [
                    f"<code>{escape(profile.line.number)}</code>",
                    escape(profile.name),
                    escape(profile.line.agent),
                    f"<code>.venv/bin/pokea call {escape(profile.line.number)}</code>",
                ]
            )
            for profile in desk.profiles.values()
        ),
        processes="".join(
            row([escape(child.name), str(child.pid), "running" if child.running else "ended"])
            for child in stack.children
        ),
        calls="".join(call_row(session_id, events) for session_id, events in latest_records(stack.records_dir)),
    )


def status_app(stack: Stack, desk: Desk) -> Starlette:
    """GET / is the page; GET /status.json the same for programs."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(render(stack, desk))

    async def status(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "engines": [{"name": leg.name, "real": leg.is_real} for leg in desk.legs],
                "numbers": [str(profile.line.number) for profile in desk.profiles.values()],
                "processes": {child.name: child.running for child in stack.children},
                "calls": [
                    {"session_id": session, "events": events} for session, events in latest_records(stack.records_dir)
                ],
            }
        )

    return Starlette(routes=[Route("/", page), Route("/status.json", status)])
