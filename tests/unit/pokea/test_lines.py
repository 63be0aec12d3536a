from __future__ import annotations

from pathlib import Path

import pytest

from pokea.lines import PACKAGED, BadProfile, Line, load_lines
from pokea.phone_numbers import E164

GOOD = """
id = "clinic"
[line]
number = "+254711000009"
agent = "booking"
"""


def folder(at: Path, **files: str) -> Path:
    for name, text in files.items():
        (at / f"{name}.toml").write_text(text)
    return at


def test_the_packaged_profiles_have_lines() -> None:
    line = load_lines(PACKAGED)[E164("+254711000001")]
    assert (line.business_id, line.agent, line.track, line.rate_hz) == ("whitedent", "booking", "inbound_track", 16000)


def test_a_line_has_defaults_and_reads_no_other_table(tmp_path: Path) -> None:
    lines = load_lines(folder(tmp_path, clinic=GOOD + "[anything]\nelse = 1\n"))
    assert lines == {
        "+254711000009": Line(business_id="clinic", number=E164("+254711000009"), agent="booking"),  # type: ignore[arg-type]
    }


def test_every_setting_of_a_line_is_read(tmp_path: Path) -> None:
    more = (
        'track = "both_tracks"\nrate_hz = 8000\nsay_first = "One moment."\nfallback_number = "+254711000010"\n'
        'fallback_say = "Please hold."\n'
    )
    (line,) = load_lines(folder(tmp_path, clinic=GOOD + more)).values()
    assert (line.track, line.rate_hz, line.say_first) == ("both_tracks", 8000, "One moment.")
    assert (line.fallback_number, line.fallback_say) == ("+254711000010", "Please hold.")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "clinic.toml: line: is missing"),
        ('id = "clinic"', "clinic.toml: line: is missing"),
        (GOOD.replace('id = "clinic"', ""), "clinic.toml: id: must be 1 to 64 lower-case letters, digits or hyphens"),
        (GOOD.replace('"clinic"', '"../x"'), "clinic.toml: id: must be 1 to 64 lower-case letters, digits or hyphens"),
        (GOOD.replace("number", "numbr"), "clinic.toml: line.numbr: is not a setting of a line"),
        (GOOD.replace('number = "+254711000009"', ""), "clinic.toml: line.number: is missing"),
        (GOOD.replace('"+254711000009"', "7"), "clinic.toml: line.number: must be text"),
        (GOOD.replace("+254", "0"), "clinic.toml: line.number: '0711000009' is not a telephone number in E.164"),
        (GOOD.replace('"booking"', '"Booking"'), "clinic.toml: line.agent: 'Booking' is not a name"),
        (
            GOOD + 'track = "outbound_track"',
            "clinic.toml: line.track: 'outbound_track' is not one of inbound_track, both_tracks",
        ),
        (GOOD + "rate_hz = true", "clinic.toml: line.rate_hz: True is not one of 8000, 16000"),
        (GOOD + "rate_hz = 44100", "clinic.toml: line.rate_hz: 44100 is not one of"),
        ("id = ", "clinic.toml: is not TOML"),
        ('id = "' + "x" * 300_000 + '"', "clinic.toml: is larger than"),
    ],
)
def test_a_bad_line_is_one_clear_line_that_names_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadProfile) as bad:
        load_lines(folder(tmp_path, clinic=text))
    assert bad.value.message.startswith(complaint)
    assert "\n" not in bad.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clinic.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadProfile, match="is not TOML"):
        load_lines(tmp_path)


def test_two_profiles_cannot_share_a_number(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match=r"b\.toml: line\.number: is already the line of clinic"):
        load_lines(folder(tmp_path, a=GOOD, b=GOOD.replace("clinic", "other")))


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="holds no profile"):
        load_lines(tmp_path)
    with pytest.raises(BadProfile, match="is not a folder"):
        load_lines(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "clinic.toml").mkdir()
    with pytest.raises(BadProfile, match=r"clinic\.toml: cannot be read"):
        load_lines(tmp_path)
