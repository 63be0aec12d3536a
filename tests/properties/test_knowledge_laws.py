"""Laws of the receptionist's knowledge: nothing is said that nobody wrote down."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.errors import RejectedInput
from pokea.knowledge import MAX_SPOKEN, Knowledge, parse
from pokea.knowledge_words import folded
from pokea.lines import PACKAGED
from pokea.profile import load_profile
from pokea.reception import ReceptionRules
from pokea.words import say
from tests.fakes.conversation import Conversation
from tests.support.sizes import examples
from tests.unit.pokea import reception_questions as asked

COLLEGE = load_profile(PACKAGED / "kilele.toml")
ASKED = [row[0] for row in (*asked.TUNED_EN, *asked.TUNED_SW, *asked.SECOND_EN, *asked.FRESH_EN, *asked.FOREIGN_TUNED)]
VOCABULARY = "parking course price free open roses lilies Tuesday garden the a is do you maua bei masomo lini how much <b> {x} =1+1"
WORD = st.sampled_from(VOCABULARY.split())
SENTENCE = st.lists(WORD, min_size=1, max_size=12).map(lambda words: " ".join(words) + ".")
ENTRY = st.tuples(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=8))


def written(entries: list[tuple[str, list[str]]]) -> str:
    return "\n\n".join(f"## {question}\n{' '.join(answer)}" for question, answer in entries)


def words(text: str) -> str:
    return folded(re.sub(r"<[^<>]*>", " ", text))


@settings(max_examples=examples(25, 500), deadline=None)
@given(
    st.lists(ENTRY, min_size=1, max_size=6), st.one_of(SENTENCE, st.text(max_size=60)), st.sampled_from(["en", "sw"])
)
def test_what_is_found_stands_in_the_file_word_for_word(
    entries: list[tuple[str, list[str]]], question: str, language: str
) -> None:
    text = written(entries)
    try:
        knowledge = Knowledge(parse(text, "en", is_csv=False))
    except RejectedInput:
        return
    answer = knowledge.find(question, language)
    if answer is None:
        return
    assert len(answer.passage.text) <= MAX_SPOKEN
    assert words(answer.passage.text) in words(text)
    heading, told = answer.passage.asked[0], answer.passage.text
    # It belongs to the heading under which it stands, not to another one.
    assert any(words(heading) == words(q) and words(told) in words(" ".join(a)) for q, a in entries)


@settings(max_examples=examples(25, 500), deadline=None)
@given(
    st.one_of(
        st.sampled_from(ASKED), st.lists(st.sampled_from(" ".join(ASKED).split()), min_size=1, max_size=9).map(" ".join)
    ),
    st.sampled_from(["en", "sw"]),
)
def test_the_receptionist_says_what_the_business_wrote_or_that_it_does_not_know(question: str, language: str) -> None:
    assert COLLEGE.reception is not None
    conversation = Conversation(profile=COLLEGE, agent="receptionist", language=language)
    result = conversation.tool("answerQuestion", {"question": question})
    said = str(result.payload["say"])
    if result.payload["status"] != "ok" or "topic" not in result.payload:
        return
    texts = [passage.text for passage in COLLEGE.reception.knowledge.passages]
    assert any(text in said for text in texts)
    frames = [said.replace(text, "{answer}") for text in texts if text in said]
    allowed = {say(language, "reception_answer", answer="{answer}")} | {
        say(language, "reception_answer_elsewhere", answer="{answer}", spoken_in=say(language, f"language_{other}"))
        for other in ("en", "sw")
    }
    assert allowed & set(frames)


@settings(max_examples=examples(20, 500), deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_knowledge_or_refused(text: str) -> None:
    for is_csv in (False, True):
        try:
            passages = parse(text, "en", is_csv=is_csv)
        except RejectedInput:
            continue
        assert all(passage.text.isprintable() for passage in passages)
        rules = ReceptionRules(knowledge=Knowledge(passages))
        conversation = Conversation(profile=replace(COLLEGE, reception=rules), agent="receptionist")
        assert conversation.tool("answerQuestion", {"question": "what is this"}).payload["say"]
