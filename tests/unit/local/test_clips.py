"""Which lines are rendered beforehand: everything that is the same for everybody, and nothing that names somebody."""

from __future__ import annotations

from dataclasses import replace

from local.clips import clips_of
from pokea import agents
from pokea.lines import PACKAGED
from pokea.profile import Profile, load_profile

MIZANI = load_profile(PACKAGED / "mizani.toml")
CLINIC = load_profile(PACKAGED / "whitedent.toml")


def spoken(profile: Profile) -> dict[str, str]:
    return {clip.text: clip.language for clip in clips_of(profile)}


def test_a_business_that_campaigns_has_clips_of_its_greeting_and_its_voicemail_in_each_language() -> None:
    found, agent = spoken(MIZANI), agents.get("leads")
    for language in ("en", "sw"):
        assert found[agent.greeting(MIZANI, language)] == language
        assert found[agent.voicemail(MIZANI, language)] == language


def test_an_agent_that_answers_nobodys_line_has_clips_as_well_if_a_campaign_may_name_it() -> None:
    receptionist = replace(MIZANI, line=replace(MIZANI.line, agent="receptionist"))
    found = spoken(receptionist)
    for language in ("en", "sw"):
        for agent in ("leads", "receptionist"):
            assert agents.get(agent).greeting(receptionist, language) in found
        assert agents.get("leads").voicemail(receptionist, language) in found


def test_a_business_that_calls_nobody_renders_no_voicemail() -> None:
    assert not any("automatic message" in text for text in spoken(CLINIC))
