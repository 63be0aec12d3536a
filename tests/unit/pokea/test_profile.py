from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pokea.hours import Opening
from pokea.identity import Verification
from pokea.lines import PACKAGED, load_lines
from pokea.profile import BadProfile, load_profile, load_profiles

TEXT = (PACKAGED / "whitedent.toml").read_text()


def written(at: Path, text: str, name: str = "clinic") -> Path:
    path = at / f"{name}.toml"
    path.write_text(text)
    return path


def test_the_packaged_clinic_is_read() -> None:
    clinic = load_profiles(PACKAGED)["whitedent"]  # type: ignore[index]
    assert (clinic.name, clinic.zone, clinic.language, clinic.languages) == (
        "Whitedent Clinic", "Africa/Nairobi", "en", ("en", "sw"),
    )  # fmt: skip
    assert clinic.verification is Verification.NUMBER_AND_NAME
    assert {key: service.minutes for key, service in clinic.booking.services.items()} == {
        "cleaning": 30, "filling": 45, "checkup": 15, "whitening": 60, "extraction": 45,
    }  # fmt: skip
    assert clinic.hours.on(date(2026, 11, 26)) == (Opening(480, 1020),)
    assert clinic.hours.on(date(2026, 11, 28)) == (Opening(540, 780),)
    assert clinic.hours.on(date(2026, 11, 29)) == ()
    assert clinic.hours.on(date(2026, 12, 25)) == ()


def test_both_readers_see_the_same_line() -> None:
    clinic = load_profile(PACKAGED / "whitedent.toml")
    assert load_lines(PACKAGED)[clinic.line.number] == clinic.line


def test_a_business_speaks_its_own_languages() -> None:
    clinic = load_profile(PACKAGED / "whitedent.toml")
    assert [clinic.spoken_language(code) for code in ("sw", "en", "fr", "")] == ["sw", "en", "en", "en"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('zone = "Africa/Nairobi"', 'zone = "Africa/Nairobbi"', "clinic.toml: zone: 'Africa/Nairobbi' is not a time zone"),
        ('zone = "Africa/Nairobi"', 'zone = "../../etc/passwd"', "clinic.toml: zone: '../../etc/passwd' is not a time zone"),
        ('zone = "Africa/Nairobi"', "", "clinic.toml: zone: field required"),
        ('country = "KE"', 'country = "Kenya"', "clinic.toml: country: string should match pattern"),
        ('language = "en"\n', 'language = "fr"\n', "clinic.toml: language: 'fr' is not one of en, sw"),
        ('language = "en"\n', 'language = "sw"\n', ""),
        ('languages = ["en", "sw"]', 'languages = ["sw"]', "clinic.toml: language: must be one of languages"),
        ('languages = ["en", "sw"]', "languages = []", "clinic.toml: languages: list should have at least 1"),
        ('recording = "off"', 'recording = "no"', "clinic.toml: recording: must be one of off, notice, ask"),
        ('recording = "off"', "recording = false", "clinic.toml: recording: input should be a valid string"),
        ('recording = "off"', 'recording = "off"\nrecordings = 1', "clinic.toml: recordings: extra inputs are not permitted"),
        ('"number+name"', '"nothing"', "clinic.toml: verification: must be one of number+name, number"),
        ("capacity = 1", "capacity = 0", "clinic.toml: booking.capacity: input should be greater than or equal to 1"),
        ("capacity = 1", "capacity = 1.5", "clinic.toml: booking.capacity: "),
        ("horizon_days = 60", "horizon_days = 400", "clinic.toml: booking.horizon_days: input should be less than"),
        ("2026-12-25", '"Christmas"', "clinic.toml: hours.closed_days.0: input should be a valid date"),
        ('["09:00-13:00"]', '["9-13"]', "clinic.toml: hours.saturday: '9-13' is not opening hours like 08:00-17:00"),
        (
            '["09:00-13:00"]',
            '["09:00-13:00", "12:00-14:00"]',
            "clinic.toml: hours.saturday: openings must not overlap and must be in order",
        ),
        ("[hours]", "[hourz]", "clinic.toml: hourz: extra inputs are not permitted"),
        ("minutes = 30", "minutes = -30", "clinic.toml: booking.services.0.minutes: "),
        ('key = "filling"', 'key = "cleaning"', "clinic.toml: booking.services: two services have the same key"),
        ('key = "filling"', 'key = "fill ing"', "clinic.toml: booking.services.1.key: string should match pattern"),
        ('sw = ["kuziba jino", "kujaza jino"]', "", "clinic.toml: booking.services.filling.names.sw: is missing"),
        ('"kuziba jino"', '"kuziba\\njino"', "clinic.toml: booking.services.1.names.sw.0: must be words that can be spoken"),
        ("rate_hz = 16000", "rate_hz = 1", "clinic.toml: line.rate_hz: 1 is not one of"),
    ],
)  # fmt: skip
def test_a_bad_profile_is_one_clear_line_that_names_file_and_key(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))
    if not complaint:
        load_profile(path)
        return
    with pytest.raises(BadProfile) as bad:
        load_profile(path)
    assert bad.value.message.startswith(complaint)
    assert "\n" not in bad.value.message


def test_two_profiles_cannot_share_an_id_or_a_number(tmp_path: Path) -> None:
    written(tmp_path, TEXT, "a")
    written(tmp_path, TEXT, "b")
    with pytest.raises(BadProfile, match=r"b\.toml: id: 'whitedent' is already the id of another profile"):
        load_profiles(tmp_path)
    written(tmp_path, TEXT.replace('"whitedent"', '"other"'), "b")
    with pytest.raises(BadProfile, match=r"b\.toml: line\.number: is already the line of whitedent"):
        load_profiles(tmp_path)
    written(tmp_path, TEXT.replace('"whitedent"', '"other"').replace("000001", "000002"), "b")
    assert set(load_profiles(tmp_path)) == {"whitedent", "other"}
