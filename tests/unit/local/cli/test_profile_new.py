"""`pokea profile new` writes what `pokea profile check` accepts, and never writes over anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cli.profile import run_check
from local.cli.profile_new import Wanted, run_new
from pokea import agents
from pokea.errors import CallError, Conflict
from pokea.profile import load_profile


def wanted(out: Path, agent: str = "receptionist", **more: str) -> Wanted:
    chosen = {"name": "Jua's Place", "number": "+254711000901", "person": "", "business_id": "", **more}
    return Wanted(agent=agent, out=out, **chosen)


@pytest.mark.parametrize("agent", agents.NAMES)
@pytest.mark.parametrize("person", ["", "+254722000901"])
def test_every_starter_is_accepted_as_it_is(agent: str, person: str, tmp_path: Path) -> None:
    assert run_new(wanted(tmp_path, agent, person=person)) == 0
    path = tmp_path / "juas-place.toml"
    assert run_check([path], as_json=False) == 0
    profile = load_profile(path)
    assert (profile.business_id, profile.name, profile.line.agent) == ("juas-place", "Jua's Place", agent)
    assert [str(someone.number) for someone in profile.directory.people.values()] == ([person] if person else [])
    assert path.read_text(encoding="utf-8").count("#") >= 8


def test_a_receptionist_gets_knowledge_to_begin_with(tmp_path: Path) -> None:
    run_new(wanted(tmp_path))
    profile = load_profile(tmp_path / "juas-place.toml")
    assert profile.reception is not None
    answer = profile.reception.knowledge.find("can I pay by card", "en")
    assert answer is not None
    assert answer.is_sure


def test_no_number_of_the_example_business_is_taken_over(tmp_path: Path) -> None:
    for agent in agents.NAMES:
        run_new(wanted(tmp_path / agent, agent))
        assert "+254711000" not in (tmp_path / agent / "juas-place.toml").read_text().replace("+254711000901", "")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    run_new(wanted(tmp_path))
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    for again, complaint in (
        (wanted(tmp_path), "is there already"),
        (wanted(tmp_path, name="Other", business_id="juas-place"), "is there already"),
        (wanted(tmp_path, name="Other"), "--number: .* is already the line of juas-place.toml"),
    ):
        with pytest.raises(Conflict, match=complaint):
            run_new(again)
    (tmp_path / "juas-place.toml").rename(tmp_path / "renamed.toml")
    (tmp_path / "juas-place.md").unlink()
    with pytest.raises(Conflict, match="--id: 'juas-place' is already the id of renamed"):
        run_new(wanted(tmp_path, number="+254711000902"))
    assert {path.name for path in tmp_path.iterdir()} == {"renamed.toml"}
    assert (tmp_path / "renamed.toml").read_text() == before["juas-place.toml"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"agent": "barista"}, "'barista' is not one of booking"),
        ({"agent": "whisper"}, "'whisper' is not one of"),
        ({"number": "0711"}, "--number: '0711' is not"),
        ({"person": "boss"}, "--person: 'boss' is not"),
        ({"name": "***"}, "--id: the name holds no letter"),
        ({"name": "A\nB"}, "--name: must be words"),
        ({"business_id": "Not An Id"}, "id: must be"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(more: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(CallError, match=complaint):
        run_new(wanted(tmp_path, **more))
    assert list(tmp_path.iterdir()) == []


def test_the_check_names_an_agent_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_new(wanted(tmp_path, "leads"))
    path = tmp_path / "juas-place.toml"
    text = path.read_text()
    path.write_text(text.replace('agent = "leads"', 'agent = "barista"'))
    assert run_check([path], as_json=False) == 2
    assert "juas-place.toml: line.agent: 'barista' is not one of" in capsys.readouterr().err


def test_the_check_names_what_an_agent_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_new(wanted(tmp_path, "leads"))
    path = tmp_path / "juas-place.toml"
    path.write_text(path.read_text().replace('# transfer = "sales"', 'transfer = "sales"'))
    assert run_check([path], as_json=False) == 2
    assert capsys.readouterr().err == "pokea: juas-place.toml: leads.transfer: 'sales' is not a key of the directory\n"
