"""The statement as a page: it fetches nothing, runs nothing, and shows whatever stands in a record as text."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.reports.charts import columns, scale, stretches
from functions.reports.page import SHOWN, page_of
from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import Cdr, CdrFinding
from pokea.billing.period import period_of
from pokea.billing.report import Report, billing_report
from pokea.ids import SessionId
from tests.support.billing_samples import CLINIC, leg, month_of_calls, stream
from tests.support.sizes import examples

NOW = datetime(2026, 12, 5, 6, 0, tzinfo=UTC)
VOID = {"meta", "line", "rect", "br", "link", "img", "input", "hr"}
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "section", "div", "dl", "dt", "dd", "svg", "g", "rect",
    "line", "text", "table", "tr", "th", "td", "i", "small", "span", "strong", "ol", "ul", "li", "br", "footer",
}  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; background:url(//x) '",
    "</style><script>1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "\x00\u202e\ud800",
    "&#x3c;b&#x3e;",
]


class Page(HTMLParser):
    """What is on a page, as a parser that is not ours reads it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.styles: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.open[-1:] == ["style"] else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(cdrs: list[Cdr], period: str = "2026-11", name: str = "White Dent", now: datetime = NOW) -> Report:
    zone = ZoneInfo("Africa/Nairobi")
    return billing_report(cdrs, business_id=CLINIC, name=name, period=period_of(period, zone), currency="KES", now=now)


def assert_inert(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag in ELEMENTS, tag
        assert not {
            name
            for name in attributes
            if name.startswith("on") or name in ("src", "href", "srcset", "xlink:href", "style", "action")
        }
    assert not re.search(r"url\(|@import|expression\(|javascript:", " ".join(page.styles))
    policy = [
        dict(a)["content"]
        for tag, a in page.elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_a_month_is_on_the_page() -> None:
    made = report(month_of_calls(number=4))
    page = Page(page_of(made))
    assert_inert(page)
    for said in (
        "White Dent",
        "November 2026",
        "Total, at least",
        "KES 1,779.12",
        "Nobody spoke",
        "put through to a person",
        "Africa/Nairobi",
    ):
        assert said in page.text, said
    assert len(made.disagreements) > 1
    for one in made.disagreements:
        assert one.evidence in page.text
    for gap in made.unknowns:
        assert gap.reason in page.text


@pytest.mark.parametrize("period", ["2026-11", "2026-11-20"])
def test_every_day_or_hour_with_calls_has_its_bar(period: str) -> None:
    made = report(month_of_calls(number=4), period)
    page = Page(page_of(made))
    titles = [said for said in page.words if re.search(r": \d+ calls?, KES", said)]
    bars = len(titles) // 2  # one drawing for wide screens and one for narrow ones
    assert bars == (30 if period == "2026-11" else 12)
    counted = sum(int(said.rpartition(": ")[2].split(" ")[0]) for said in titles[:bars])
    assert counted == made.total.calls


def test_a_month_without_calls_says_so() -> None:
    page = Page(page_of(report([])))
    assert_inert(page)
    assert "No calls" in page.text and "KES 0.000000" in page.text


def test_a_month_that_is_not_over_says_so() -> None:
    assert "is not over yet" in Page(page_of(report([leg()], now=datetime(2026, 11, 21, tzinfo=UTC)))).text
    assert "is not over yet" not in Page(page_of(report([leg()]))).text


def test_the_same_report_gives_the_same_page() -> None:
    cdrs = month_of_calls(number=4)
    assert page_of(report(cdrs)) == page_of(report(list(reversed(cdrs))))


def test_more_differences_than_fit_are_counted() -> None:
    finding = CdrFinding(Difference.DUPLICATE, "call HD_1: duplicate")
    page = Page(page_of(report([leg(findings=(finding,) * (SHOWN + 7))])))
    assert sum(tag == "li" for tag, _ in page.elements if tag == "li") == SHOWN + sum(
        "for one" in said for said in page.words
    )
    assert "And 7 more" in page.text


TEXTS = [field.name for field in fields(Cdr) if field.type == "str" and field.name not in ("leg", "status", "currency")]


def hostile(text: str) -> list[Cdr]:
    """Legs with `text` in every text that a record can hold."""
    finding = CdrFinding(Difference.MISSING, text)
    known: dict[str, Any] = dict.fromkeys(TEXTS, text)
    call = leg(
        **known,
        leg=text,
        session_id=SessionId(text or "x"),
        findings=(finding,),
        unknowns=(text,),
        charge_micros=None,
        currency="",
    )
    return [call, replace(stream(leg(agent=text)), exchange=text, model_prices=text, doubt=text, currency=text)]


@given(st.sampled_from(HOSTILE) | st.text(max_size=40) | st.text(alphabet="<>&\"'/={}%()#;- \x00", max_size=30))
@settings(max_examples=examples(25))
def test_no_text_of_a_record_becomes_a_part_of_the_page(text: str) -> None:
    check_page_of(text)


def check_page_of(text: str) -> None:
    page = Page(page_of(report(hostile(text), name=text)))
    assert_inert(page)
    plain = Page(page_of(report(hostile("harmless"), name="harmless")))
    assert sorted(tag for tag, _ in page.elements) == sorted(tag for tag, _ in plain.elements) or not text.strip()


def test_a_scale_holds_its_highest_bar_in_few_round_steps() -> None:
    for highest in range(3_000):
        top, step = scale(highest)
        assert top >= max(highest, 1) and top % step == 0 and 1 <= top // step <= 4
        assert str(step).rstrip("0") in ("1", "2", "5")


def test_bars_stand_beside_one_another_and_parts_on_one_another() -> None:
    chart = columns([("1", "", (3, 1)), ("2", "", (0, 0)), ("3", "", (0, 2))], 300)
    first, second, third = chart.bars
    assert first.x + chart.bar_width < second.x < third.x < 300
    ground, top = first.pieces
    assert ground.y + ground.height == pytest.approx(chart.floor, abs=0.02)
    assert top.y + top.height == pytest.approx(ground.y, abs=0.02)
    assert second.pieces == () and third.pieces[0].series == 1


@given(st.lists(st.integers(0, 10**12), max_size=6))
def test_the_parts_of_a_lying_bar_fill_it(parts: list[int]) -> None:
    drawn = stretches(parts)
    assert len(drawn) == sum(part > 0 for part in parts)
    if drawn:
        assert sum(one.width for one in drawn) == pytest.approx(100, abs=0.01)


def test_no_address_stands_on_the_page() -> None:
    html = page_of(report(month_of_calls(number=4)))
    assert "://" not in html and "data:" not in html
