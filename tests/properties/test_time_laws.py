"""F3.12: what is read back is what is stored, in every zone and both languages; no words can break the resolver."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from pokea import hours
from pokea.hours import Opening, OpeningHours
from pokea.spoken import aloud as spoken
from pokea.spoken.number_words import EN_TENS, EN_UNITS, SW_TENS, SW_UNITS
from pokea.spoken.times import Ambiguous, DaysOnly, NotUnderstood, Past, Resolved, resolve
from pokea.spoken.times_en import FILLERS as EN_FILLERS
from pokea.spoken.times_en import MONTHS as EN_MONTHS
from pokea.spoken.times_sw import FILLERS as SW_FILLERS
from pokea.spoken.times_sw import MONTHS as SW_MONTHS
from pokea.spoken.times_sw import WEEKDAYS as SW_WEEKDAYS

# no clock change, changes by an hour in both hemispheres, by half an hour, odd offsets, a change at midnight
ZONES = [
    ZoneInfo(name)
    for name in (
        "Africa/Nairobi",
        "Africa/Cairo",
        "Africa/Casablanca",
        "America/New_York",
        "America/St_Johns",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Europe/London",
        "Pacific/Auckland",
        "UTC",
    )
]
zones = st.sampled_from(ZONES)
languages = st.sampled_from(["en", "sw"])
nows = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
minutes_ahead = st.integers(1, 180 * 24 * 60)
OPEN = OpeningHours(dict.fromkeys(range(6), (Opening.parse("08:00-17:00"),)))

WORDS = sorted(
    {
        *EN_FILLERS, *SW_FILLERS, *EN_UNITS, *EN_TENS, *SW_UNITS, *SW_TENS, *EN_MONTHS, *SW_MONTHS, *SW_WEEKDAYS, *hours.WEEKDAYS,
        "next", "this", "coming", "week", "weeks", "month", "weekend", "days", "tomorrow", "today", "tonight", "after", "past", "half",
        "quarter", "till", "noon", "midnight", "morning", "afternoon", "evening", "night", "am", "pm", "hundred", "first", "26th", "oh",
        "saa", "nusu", "robo", "kasorobo", "kasoro", "dakika", "asubuhi", "mchana", "jioni", "usiku", "alfajiri", "kuamkia", "kesho",
        "kutwa", "leo", "tarehe", "mwezi", "wiki", "ijayo", "hii", "ujao", "zijazo", "baada", "kabla", "kubadilika", "2:30", "14:30",
        "26/11", "3/4/2027", "2026", "9", "26", "2026-11-26", "2026-11-01T01:30", "2026-11-01T01:30-04:00", "before", "clocks", "change",
    }
)  # fmt: skip


@given(nows, minutes_ahead, zones, languages)
@example(datetime(2026, 10, 20, tzinfo=UTC), 12 * 24 * 60 + 330, ZoneInfo("America/New_York"), "en")  # a repeated time
@example(datetime(2026, 10, 20, tzinfo=UTC), 12 * 24 * 60 + 390, ZoneInfo("America/New_York"), "sw")
def test_the_read_back_is_the_stored_instant(now: datetime, ahead: int, tz: ZoneInfo, language: str) -> None:
    now = now.replace(second=0, microsecond=0)
    start = now + timedelta(minutes=ahead)
    said = spoken.instant(start, tz, language)
    assert resolve(said, now, tz, OPEN, language) == Resolved(start), said


@given(nows, minutes_ahead, zones)
def test_iso_local_names_one_instant(now: datetime, ahead: int, tz: ZoneInfo) -> None:
    start = now.replace(second=0, microsecond=0) + timedelta(minutes=ahead)
    text = spoken.iso_local(start, tz)
    assert spoken.from_iso_local(text, tz) == start
    assert resolve(text, now, tz, OPEN) == Resolved(start)


@given(st.lists(st.sampled_from(WORDS), max_size=12), nows, zones, languages)
def test_any_heap_of_time_words_gets_a_sound_answer(
    words: list[str], now: datetime, tz: ZoneInfo, language: str
) -> None:
    answer = resolve(" ".join(words), now, tz, OPEN, language)
    if isinstance(answer, Resolved):
        assert answer.start >= now
        assert answer.start.utcoffset() == timedelta(0)
    if isinstance(answer, DaysOnly):
        assert hours.local(now, tz).date() <= answer.first <= answer.last
    if isinstance(answer, Ambiguous):
        assert not (answer.days and answer.starts)
        assert list(answer.starts) == sorted(set(answer.starts))
        assert list(answer.days) == sorted(set(answer.days))
    if isinstance(answer, Past):
        assert answer.day <= hours.local(now, tz).date()


@given(st.text(max_size=300), nows, zones, languages)
def test_any_text_at_all_gets_an_answer(text: str, now: datetime, tz: ZoneInfo, language: str) -> None:
    assert isinstance(resolve(text, now, tz, OPEN, language), Resolved | DaysOnly | Ambiguous | Past | NotUnderstood)


@given(nows, st.integers(1, 12), st.sampled_from(["", " na nusu", " na robo", " kasorobo"]), zones, languages)
def test_the_bare_swahili_clock_is_never_settled(
    now: datetime, hour: int, beside: str, tz: ZoneInfo, language: str
) -> None:
    number = [
        "",
        *["moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa", "kumi"],
        "kumi na moja",
        "kumi na mbili",
    ][hour]
    assert isinstance(resolve(f"kesho kutwa saa {number}{beside}", now, tz, OPEN, language), Ambiguous)


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.integers(0, 24 * 60 - 1), zones)
def test_a_wall_time_has_no_one_or_two_instants_and_each_shows_it(day: date, minute: int, tz: ZoneInfo) -> None:
    """Checked by walking over every quarter of an hour of three days."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    walk = (midnight + timedelta(minutes=offset) for offset in range(-24 * 60 + minute % 15, 48 * 60, 15))
    expected = [
        at for at in walk if (wall := at.astimezone(tz)).date() == day and wall.hour * 60 + wall.minute == minute
    ]
    found = hours.instants_of(day, minute, tz)
    if hours.exists(day, minute, tz):
        assert list(found) == expected
    else:
        assert expected == []
        assert len(found) == 1


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), zones)
def test_opening_hours_cover_exactly_what_lies_between_their_bounds(day: date, tz: ZoneInfo) -> None:
    opening = Opening.parse("00:00-24:00")
    around_the_clock = OpeningHours({day.weekday(): (opening,)})
    opens, closes = hours.bounds(day, opening, tz)
    assert timedelta(hours=22) < closes - opens < timedelta(hours=26)
    assert around_the_clock.covers(opens, closes, tz)
    assert not around_the_clock.covers(opens - timedelta(minutes=1), closes, tz)
    assert not around_the_clock.covers(opens, closes + timedelta(minutes=1), tz)
