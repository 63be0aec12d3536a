"""What `[reception]` and `[leads]` refuse, each in one line that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pokea.leads import Outcome, outcome_of
from pokea.lines import PACKAGED
from pokea.profile import BadProfile, Profile, load_profile

COLLEGE = (PACKAGED / "kilele.toml").read_text(encoding="utf-8")
MIZANI = (PACKAGED / "mizani.toml").read_text(encoding="utf-8")
KNOWLEDGE = "## Is there parking?\nYes, behind the building.\n"


def loaded(folder: Path, text: str, knowledge: str = KNOWLEDGE, name: str = "kilele.md") -> Profile:
    (folder / "kilele.sw.md").write_text("## Kuna maegesho?\nNdiyo, nyuma.\n", encoding="utf-8")
    (folder / name).write_text(knowledge, encoding="utf-8")
    (folder / "business.toml").write_text(text, encoding="utf-8")
    return load_profile(folder / "business.toml")


def test_knowledge_stands_beside_the_profile_and_names_its_language(tmp_path: Path) -> None:
    profile = loaded(tmp_path, COLLEGE)
    assert profile.reception is not None
    assert [(p.language, p.text) for p in profile.reception.knowledge.passages] == [
        ("en", "Yes, behind the building."), ("sw", "Ndiyo, nyuma."),
    ]  # fmt: skip
    assert profile.reception.knowledge.ignored == {"kilele", "college"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"kilele.md"', '"../../etc/passwd"', "business.toml: reception.knowledge.0: string should match pattern"),
        ('"kilele.md"', '"kilele.exe"', "business.toml: reception.knowledge.0: string should match pattern"),
        ('"kilele.md"', '"missing.md"', "business.toml: reception.knowledge: missing.md cannot be read"),
        ('["kilele.md", "kilele.sw.md"]', "[]", "business.toml: reception.knowledge: list should have at least 1"),
        ('sw = "Tuko', '# sw = "Tuko', "business.toml: reception.directions.sw: is missing"),
    ],
)
def test_a_reception_that_cannot_be_used(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    assert old in COLLEGE
    with pytest.raises(BadProfile) as problem:
        loaded(tmp_path, COLLEGE.replace(old, new))
    assert str(problem.value).startswith(complaint)


@pytest.mark.parametrize(
    ("knowledge", "complaint"),
    [
        ("nothing at all", "kilele.md holds no question with an answer"),
        ("## Long?\n" + "word " * 200, "kilele.md a sentence under 'Long?' has 400 characters or more"),
    ],
)
def test_knowledge_that_cannot_be_spoken(knowledge: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BadProfile) as problem:
        loaded(tmp_path, COLLEGE, knowledge)
    assert str(problem.value) == f"business.toml: reception.knowledge: {complaint}"


def test_a_csv_with_a_language_that_nobody_speaks(tmp_path: Path) -> None:
    text = COLLEGE.replace('"kilele.md"', '"kilele.csv"')
    with pytest.raises(BadProfile, match="'fr' is not one of en, sw"):
        loaded(tmp_path, text, "question,answer,language\nOui?,Non.,fr\n", "kilele.csv")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("hot = 70", "hot = 700", "leads.hot: no answers reach more than 100 points"),
        ("warm = 35", "warm = 70", "leads.warm: must be less than leads.hot"),
        ('sw = "programu', '# sw = "programu', "leads.purpose.sw: is missing"),
        ('key = "users"', 'key = "decides"', "leads.questions: two questions have the same key"),
        ('key = "users"', 'key = "opening"', "leads.questions.opening: 'opening' is the name of a question"),
        ('kind = "number"', 'kind = "guess"', "leads.questions.1.kind: must be one of yes_no, number, choice"),
        (
            'kind = "number"',
            'kind = "text"',
            "leads.questions.users.rules.at_least: means nothing for an answer of kind text",
        ),
        (
            'kind = "yes_no"',
            'kind = "number"',
            "leads.questions.decides.choices: mean nothing for an answer of kind number",
        ),
        (
            'answer = "yes"',
            'answer = "maybe"',
            "leads.questions.decides.rules.answer: 'maybe' is not one of its answers",
        ),
        (
            "[leads.questions.choices.no]",
            "[leads.questions.choices.perhaps]",
            "leads.questions.decides.choices: of a yes_no",
        ),
        ('again.sw = "Yaani', '# again.sw = "Yaani', "leads.questions.decides.again.sw: is missing"),
        ("points = 30", "points = 3000", "leads.questions.0.rules.0.points: input should be less than or equal to 100"),
    ],
)
def test_a_script_that_cannot_be_used(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    assert old in MIZANI
    with pytest.raises(BadProfile) as problem:
        loaded(tmp_path, MIZANI.replace(old, new, 1))
    assert str(problem.value).startswith(f"business.toml: {complaint}")


def test_the_bounds_belong_to_the_better_outcome() -> None:
    script = load_profile(PACKAGED / "mizani.toml").leads
    assert script is not None
    assert [outcome_of(script, score) for score in (70, 69, 35, 34, -5)] == [
        Outcome.HOT, Outcome.WARM, Outcome.WARM, Outcome.COLD, Outcome.COLD,
    ]  # fmt: skip
