"""Laws of lead qualification, whatever is said in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.consent import asks_to_stop, is_suppressed
from pokea.leads import LEAD, AnswerState, Lead, LeadScript, Outcome
from pokea.lines import PACKAGED
from pokea.profile import load_profile
from pokea.toolkit import ToolResult
from tests.fakes.conversation import AMINA, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.support.sizes import examples

MIZANI = load_profile(PACKAGED / "mizani.toml")
SAID = st.sampled_from(
    [
        "yes", "no", "no I am busy", "I decide", "my manager decides", "twelve", "four", "between two and five", "this month",
        "in three months", "next year", "I am not sure", "purple", "not at all", "tomorrow at ten in the morning", "ndiyo", "hapana",
        "watu kumi", "mwezi ujao", "please stop calling me", "usinipigie tena", "",
    ]
) | st.text(max_size=30).filter(str.isprintable)  # fmt: skip
KEYS = st.sampled_from(["opening", "decides", "users", "start", "call_again", "", "nothing"])
ACTS = st.one_of(
    st.tuples(st.just("recordAnswer"), KEYS, SAID),
    st.tuples(st.just("nextQuestion"), st.just(""), st.just("")),
    st.tuples(st.just("optOut"), st.just(""), st.just("")),
)


def script() -> LeadScript:
    assert MIZANI.leads is not None
    return MIZANI.leads


def act(conversation: Conversation, tool: str, question: str, answer: str) -> ToolResult:
    arguments = {"question": question, "answer": answer} if tool == "recordAnswer" else {}
    return conversation.tool(tool, arguments)


def lead_of(conversation: Conversation) -> Lead | None:
    assert isinstance(conversation.store, MemoryStore)
    return next(iter(conversation.store.all_records(LEAD)), None)


def worth(lead: Lead) -> int:
    """The score, worked out a second time from the answers alone."""
    points = 0
    for question in script().questions:
        answer = lead.answers.get(question.key)
        if answer is None or answer.state is not AnswerState.GIVEN:
            continue
        for rule in question.rules:
            fits = not rule.answer or rule.answer == answer.value
            low = rule.at_least is None or int(answer.value) >= rule.at_least
            high = rule.at_most is None or int(answer.value) <= rule.at_most
            soon = rule.within_days is None or int(answer.value) <= rule.within_days
            if fits and low and high and soon:
                points += rule.points
                break
    return points


@settings(max_examples=examples(20, 500), deadline=None)
@given(st.lists(ACTS, max_size=14))
def test_laws_of_a_conversation(acts: list[tuple[str, str, str]]) -> None:
    conversation = Conversation(profile=MIZANI, agent="leads")
    final: Outcome | None = None
    wants_no_more = False
    for tool, question, answer in acts:
        result = act(conversation, tool, question, answer)
        wants_no_more |= tool == "optOut" or (tool == "recordAnswer" and asks_to_stop(answer))
        lead = lead_of(conversation)
        if wants_no_more:
            # An opt-out is written before anything is said, and nothing follows it.
            assert is_suppressed(conversation.store, MIZANI.business_id, AMINA)
            assert result.payload["status"] == "opted_out"
            assert result.end_call
            assert lead is None or lead.outcome is Outcome.OPTED_OUT
            continue
        assert result.payload["say"]
        assert "then" in result.payload or result.end_call or result.payload["status"] == "cold"
        if lead is None:
            continue
        # The score is the sum of its reasons, each resting on words that were said.
        assert lead.score == sum(reason.points for reason in lead.reasons) == worth(lead)
        assert all(reason.quote == lead.answers[reason.question].quote for reason in lead.reasons)
        # An outcome, once there is one, stays.
        assert final is None or lead.outcome is final
        final = lead.outcome if lead.is_over else None
        # Nothing is answered before its turn.
        order = [key for key in script().keys if key in lead.answers]
        asked = [key for key in order if key not in ("opening", "call_again")]
        assert asked == [question.key for question in script().questions][: len(asked)]
