"""docs/agents.md promises that a sixth agent is one file and one profile: the ones on that page are run here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from local.cli.profile import run_check
from pokea import agents
from pokea.profile import Profile, load_profile
from pokea.toolkit import Evidence
from tests.fakes.conversation import Conversation
from tests.fakes.memory_store import MemoryStore
from tests.house.rules import ROOT

PAGE = (ROOT / "docs/agents.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def florist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's two files where a reader would put them; the path of the profile."""
    package = tmp_path / "agents"
    package.mkdir()
    (package / "florist.py").write_text(block("python"), encoding="utf-8")
    profile = tmp_path / "maua.toml"
    profile.write_text(block("toml"), encoding="utf-8")
    monkeypatch.setattr(agents, "__path__", [*agents.__path__, str(package)])
    known = {module.name for module in iter_modules(agents.__path__)} - agents.INTERNAL
    monkeypatch.setattr(agents, "NAMES", tuple(sorted(known)))
    agents.get.cache_clear()
    yield profile
    agents.get.cache_clear()
    sys.modules.pop("pokea.agents.florist", None)


def call(profile: Profile, language: str = "en") -> Conversation:
    return Conversation(profile=profile, agent="florist", language=language)


def orders(conversation: Conversation) -> list[Any]:
    assert isinstance(conversation.store, MemoryStore)
    return list(conversation.store.all_records(sys.modules["pokea.agents.florist"].ORDER))


def test_the_page_has_a_row_for_every_agent() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == set(agents.NAMES)


def test_the_example_takes_an_order(florist: Path) -> None:
    conversation = call(load_profile(florist))
    assert "1500 shillings" in str(conversation.tool("priceOf", {"bouquet": "the roses"}).payload["say"])
    asked = conversation.tool("proposeOrder", {"bouquet": "lilies please"})
    assert asked.payload["then"] == {
        "tool": "proposeOrder", "arguments": {"bouquet": "lilies"}, "fill": "name", "expect": "name",
    }  # fmt: skip
    proposed = conversation.tool("proposeOrder", {"bouquet": "lilies", "name": "Zawadi"})
    assert proposed.payload["say"] == "One bouquet of lilies for Zawadi, 1200 shillings. Shall I order it?"
    assert orders(conversation) == []
    assert conversation.commit(proposed).payload["status"] == "ordered"
    assert [(order.bouquet, order.name) for order in orders(conversation)] == [("lilies", "Zawadi")]


def test_the_example_has_the_gate_like_every_agent(florist: Path) -> None:
    conversation = call(load_profile(florist))
    proposed = conversation.tool("proposeOrder", {"bouquet": "roses", "name": "Zawadi"})
    assert conversation.commit(proposed, Evidence()).payload["code"] == "not_heard"
    arguments = {"nonce": proposed.payload["nonce"], "arguments": {"action": "order", "bouquet": "all", "name": "Z"}}
    assert conversation.tool("commitProposal", arguments).payload["code"] == "changed"
    assert orders(conversation) == []


def test_the_example_has_what_every_agent_has(florist: Path) -> None:
    profile = load_profile(florist)
    agent = agents.get("florist")
    names = {spec.name for spec in agent.tools(profile)}
    assert names >= {"handOver", "proposeMessage", "speakLanguage", "endCall", "commitProposal"}
    assert "AI" in agent.greeting(profile, "en")
    swahili = call(profile, "sw")
    assert "Tuna roses au lilies" in str(swahili.tool("priceOf").payload["say"])
    done = swahili.commit(swahili.tool("proposeMessage", {"message": "nipigieni", "name": "Zawadi"}))
    assert done.payload["status"] == "message_taken"


def test_the_check_asks_the_agent_what_is_missing(florist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check([florist], as_json=False) == 0
    assert "Maua Florist on +254711000006, florist" in capsys.readouterr().out
    florist.write_text(block("toml").partition("[settings]")[0], encoding="utf-8")
    assert run_check([florist], as_json=False) == 2
    assert capsys.readouterr().err == "pokea: maua.toml: settings.bouquets: the florist needs some\n"
