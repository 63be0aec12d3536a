"""The lead qualification agent: asks a business's questions in order and hands promising leads over. The work is in `pokea.desk.leads`."""

from __future__ import annotations

from pokea.desk.agent import DeskAgent, Tool, greeting_key, schema, text
from pokea.desk.handover import hand_over_spec
from pokea.desk.leads import goodbye, hand_over_lead, next_question, opt_out_of_leads, record_answer, recording_answered
from pokea.desk.opt_out import OPT_OUT
from pokea.desk.recording_consent import consent_spec
from pokea.leads import OPENING
from pokea.profile import Profile
from pokea.retention import Recording
from pokea.toolkit import Effect, ToolSpec
from pokea.words import say


class LeadsAgent(DeskAgent):
    name = "leads"
    persona = "You ask a few questions on behalf of the business, note the answers, and do not sell or argue."

    def toolbox(self, profile: Profile) -> tuple[Tool, ...]:
        assert profile.leads is not None  # see `problem`
        tools = (
            Tool(_NEXT, next_question),
            Tool(_record_answer(list(profile.leads.keys)), record_answer),
            Tool(OPT_OUT, opt_out_of_leads),
            Tool(hand_over_spec(profile), hand_over_lead),
            Tool(ToolSpec("endCall", "End the call.", schema([]), Effect.END), goodbye),
        )
        if profile.recording is Recording.OFF:
            return tools
        return (*tools, Tool(consent_spec(profile), recording_answered))

    def rules(self, profile: Profile, language: str) -> str:
        return _RULES

    def greeting(self, profile: Profile, language: str) -> str:
        """Who calls, that it is an AI, what it is about and how to stop it, all before the first question."""
        language = profile.spoken_language(language)
        purpose = profile.leads.purpose[language] if profile.leads else ""
        return say(language, f"leads_{greeting_key(profile)}", business=profile.name, purpose=purpose)

    def calling(self, profile: Profile, language: str) -> str:
        return self.greeting(profile, language)

    def voicemail(self, profile: Profile, language: str) -> str:
        language = profile.spoken_language(language)
        purpose = profile.leads.purpose[language] if profile.leads else ""
        return say(language, "leads_voicemail", business=profile.name, purpose=purpose)

    def phrases(self, profile: Profile, language: str) -> dict[str, str]:
        language = profile.spoken_language(language)
        own = {"goodbye": say(language, "leads_goodbye"), "idle_ask_again": say(language, "idle_ask")}
        return {**super().phrases(profile, language), **own}

    def problem(self, profile: Profile) -> str | None:
        if profile.leads is None:
            return "leads: the lead qualification agent needs its questions"
        if profile.leads.transfer and profile.leads.transfer not in profile.directory.people:
            return f"leads.transfer: {profile.leads.transfer!r} is not a key of the directory"
        return None


AGENT = LeadsAgent()

_RULES = f"""\
- The greeting has asked whether now is a good time: pass the answer to recordAnswer as the answer to "{OPENING}".
- Ask the script's questions only, one at a time, in the words of the tools. Pass every answer in the caller's own words; never judge,
  round or complete it.
- A question of theirs: say in one sentence what this call is about, then ask the open question again with nextQuestion.
- Whoever does not want to be called again, in whatever words: call optOut before you say anything.
- Status "hot", "warm" or "call_owed": follow `then`. Status "cold": speak it and call endCall."""

_NEXT = ToolSpec(
    "nextQuestion",
    "The question of the script that is open now, to be asked or asked again.",
    schema([]),
    Effect.READ,
)


def _record_answer(keys: list[str]) -> ToolSpec:
    question = text("Key of the question that was asked.", keys)
    answer = text("The caller's own words, unchanged.")
    return ToolSpec(
        "recordAnswer",
        "Write down the caller's answer to a question of the script. Returns the next question, or how to end.",
        schema(["question", "answer"], question=question, answer=answer),
        Effect.NOTE,
    )
