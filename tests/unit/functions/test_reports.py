"""The reports function: files at their places, the same for the same records, whoever asks and however often."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import duckdb
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from functions.reports.app import make_handler
from functions.reports.press import READY, Press, Wish
from functions.reports.table_file import SCHEMA, typesetter
from pokea.adapters import clients
from pokea.adapters.observability import Log
from pokea.adapters.report_bucket import ReportBucket
from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import Cdr, CdrFinding
from pokea.billing.period import period_of
from pokea.billing.statements.rows_file import csv_of
from pokea.clock import ManualClock
from pokea.errors import NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from tests.support.billing_samples import CLINIC, Shelf, leg, month_of_calls, stream
from tests.support.control_plane import PROFILES

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 12, 1, 3, 10, tzinfo=UTC)  # ten past six in Nairobi, on the first of the month
BUCKET = "reports"
_names = itertools.count()
NOVEMBER = period_of("2026-11", PROFILES[CLINIC].tz)


class Library:
    """A press around records in memory, and a bucket that may be moto's."""

    def __init__(self, cdrs: list[Cdr], shelf: Any = None) -> None:
        self.store, self.clock = Shelf(cdrs), ManualClock(NOW)
        self.files: dict[str, tuple[bytes, str]] = {}
        self.asked: list[Mapping[str, Any]] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.logged = io.StringIO()
        log = Log(f"reports-{next(_names)}", self.logged)
        self.press = Press(
            store=lambda: self.store,
            shelf=lambda: shelf or self,
            profiles=PROFILES,
            currency_of=lambda profile: "KES",
            ask=self.asked.extend,
            emit=lambda kind, detail: self.told.append((kind, detail)),
            clock=self.clock,
            log=log,
        )
        self.handler = make_handler(lambda: self.press, log)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        self.files[key] = body, content_type


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReportBucket]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.s3.cache_clear()
    with mock_aws():
        client = clients.s3()
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield ReportBucket(client, BUCKET)
    clients.s3.cache_clear()


def message(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / f"events/{name}.json").read_text(encoding="utf-8")))


def test_a_month_leaves_a_statement_and_a_table_for_each_of_its_days() -> None:
    library = Library(month_of_calls(number=4))
    made = library.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    days = [f"cdr/business=whitedent/year=2026/month=11/day={day:02}/part.parquet" for day in range(1, 31)]
    assert set(library.files) == {
        *days,
        "statements/business=whitedent/2026-11.csv",
        "statements/business=whitedent/2026-11.html",
    }
    assert list(made.tables) == days and made.calls == 220
    assert library.files[made.html][1] == "text/html; charset=utf-8"


def test_a_day_leaves_its_own_table_and_statement() -> None:
    library = Library(month_of_calls(number=4))
    library.press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    assert sorted(library.files) == [
        "cdr/business=whitedent/year=2026/month=11/day=20/part.parquet",
        "statements/business=whitedent/2026-11-20.csv",
        "statements/business=whitedent/2026-11-20.html",
    ]


def test_made_again_of_the_same_records_every_byte_is_the_same() -> None:
    cdrs = month_of_calls(number=4)
    first, second = Library(cdrs), Library(list(reversed(cdrs)))
    first.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    second.clock.advance(timedelta(days=3).total_seconds())
    second.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    assert first.files == second.files


def test_a_correction_that_moves_a_leg_to_another_day_leaves_nothing_behind() -> None:
    early = leg(began_at=datetime(2026, 11, 20, 20, 0, tzinfo=UTC), version=1)
    library = Library([early])
    library.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    library.store.cdrs_kept = [replace(early, began_at=early.began_at + timedelta(hours=2), version=2)]
    library.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    counts = {
        day: len(table(library.files[f"cdr/business=whitedent/year=2026/month=11/day={day}/part.parquet"][0]))
        for day in (20, 21)
    }
    assert counts == {20: 0, 21: 1}


def test_the_bucket_holds_what_was_made_and_a_link_shows_it(bucket: ReportBucket) -> None:
    library = Library(month_of_calls(number=4), bucket)
    made = library.press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    again = library.press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    assert asdict(made) == asdict(again)
    client = clients.s3()
    kept = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert sorted(one["Key"] for one in kept) == sorted([made.csv, made.html, *made.tables])
    page = client.get_object(Bucket=BUCKET, Key=made.html)
    assert page["ContentType"] == "text/html; charset=utf-8" and page["CacheControl"] == "private, no-store"
    assert bucket.made_at(made.html) is not None and bucket.made_at("statements/none.html") is None
    link = bucket.link(made.html)
    assert made.html.replace("=", "%3D") in link and "X-Amz-Expires=900" in link and "X-Amz-Signature=" in link


def test_a_right_that_is_missing_does_not_read_as_a_missing_report(bucket: ReportBucket) -> None:
    def forbidden(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 403, {}, MockRawResponse(b""))

    clients.s3().meta.events.register_first("before-send.s3", forbidden)
    with pytest.raises(Unavailable):
        bucket.made_at("statements/none.html")


def test_a_bucket_that_is_not_there_is_unavailable(bucket: ReportBucket) -> None:
    gone = ReportBucket(clients.s3(), "no-such-bucket")
    with pytest.raises(Unavailable):
        gone.made_at("statements/none.html")
    with pytest.raises(Unavailable):
        gone.put("x", b"", "text/plain")


def test_who_waits_for_a_report_is_told_on_the_bus() -> None:
    library = Library(month_of_calls(number=4))
    made = library.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    ((kind, detail),) = library.told
    assert kind == READY == "billing.report.ready"
    assert (detail["business"], detail["period"], detail["html"], detail["csv"]) == (
        CLINIC,
        "2026-11",
        made.html,
        made.csv,
    )
    assert (detail["currency"], detail["total_micros"], detail["differences"]) == ("KES", 1_779_124_593, 5)


def test_differences_with_the_carrier_are_counted_for_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    finding = CdrFinding(Difference.WRONG_RATE, "call HD_1: wrong_rate")
    Library([leg(findings=(finding, finding))]).press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    assert '"ReportDifferences":[2.0]' in capsys.readouterr().out
    Library([leg()]).press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    assert "ReportDifferences" not in capsys.readouterr().out


def test_nothing_about_people_is_logged() -> None:
    library = Library(month_of_calls(number=4))
    library.press.fulfil(Wish(business=CLINIC, day="2026-11-20"))
    logged = library.logged.getvalue()
    assert "report made" in logged and "unclassified" not in logged
    assert "254722" not in logged


def test_the_schedule_asks_for_every_business_in_its_own_morning() -> None:
    library = Library([])
    assert library.handler(message("reports-schedule"), None) == {"asked": 3 * len(PROFILES)}
    assert {"version": 1, "business": CLINIC, "month": "2026-11"} in library.asked
    assert {"version": 1, "business": CLINIC, "day": "2026-11-30"} in library.asked
    library.clock.advance(3_600)
    assert library.handler(message("reports-schedule"), None) == {"asked": 0}


def test_every_message_that_the_schedule_sends_is_one_that_the_queue_takes() -> None:
    library = Library(month_of_calls(number=4))
    library.press.ask_for_what_is_due()
    library.asked = [wish for wish in library.asked if wish["business"] == CLINIC]
    records = [
        {**message("reports")["Records"][0], "messageId": str(number), "body": json.dumps(wish)}
        for number, wish in enumerate(library.asked)
    ]
    assert library.handler({"Records": records}, None) == {"batchItemFailures": []}
    assert {detail["period"] for _, detail in library.told} == {"2026-11", "2026-11-30", "2026-11-27"}


def test_a_message_makes_one_report() -> None:
    library = Library(month_of_calls(number=4))
    assert library.handler(message("reports"), None) == {"batchItemFailures": []}
    assert [detail["period"] for _, detail in library.told] == ["2026-11"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "x" * 3_000,
        '{"business":"nobody","month":"2026-11"}',
        '{"business":"whitedent"}',
        '{"business":"whitedent","month":"2027-11"}',
        '{"business":"whitedent","month":"../../x"}',
        '{"business":"../kasi","month":"2026-11"}',
    ],
)
def test_a_message_that_cannot_be_followed_comes_back_and_leaves_nothing(body: str) -> None:
    library = Library([leg()])
    event = message("reports")
    event["Records"][0]["body"] = body
    assert library.handler(event, None)["batchItemFailures"] == [{"itemIdentifier": event["Records"][0]["messageId"]}]
    assert not library.files and not library.told


def test_an_invocation_answers_with_the_keys() -> None:
    library = Library([leg()])
    answer = library.handler({"business": CLINIC, "day": "2026-11-20"}, None)
    assert answer["html"] == "statements/business=whitedent/2026-11-20.html" and answer["calls"] == 1
    with pytest.raises(NotFound):
        library.handler({"business": "nobody", "day": "2026-11-20"}, None)
    with pytest.raises(RejectedInput):
        library.handler({"month": "2026-11"}, None)


def test_another_business_s_records_are_not_in_it() -> None:
    library = Library([leg(), leg(business_id=BusinessId("kasi"), session_id=SessionId("HD_9"))])
    assert library.press.fulfil(Wish(business=CLINIC, day="2026-11-20")).calls == 1
    assert b"HD_9" not in b"".join(body for body, _ in library.files.values())


# --- Parquet ---------------------------------------------------------------------------------------------------------------


def parquet_of(text: str) -> bytes:
    with typesetter() as parquet:
        return parquet(text)


def table(content: bytes) -> list[dict[str, Any]]:
    """The rows of a Parquet file, as a reader finds them."""
    instants = ", ".join(
        f"{name} AT TIME ZONE 'UTC' AS {name}" for name, kind in SCHEMA.items() if kind.startswith("TIMESTAMP")
    )
    with duckdb.connect() as database, NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        file.flush()
        found = database.execute(f"SELECT * REPLACE ({instants}) FROM read_parquet('{file.name}')")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def as_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return str(value)


def test_the_table_equals_the_file_cell_by_cell() -> None:
    hostile = [
        "=1+1",
        "a,b",
        'say "x"',
        "NULL",
        "null",
        "\\N",
        "nan",
        "007",
        "2026-11-20",
        "true",
        "'",
        "é‑ü",
        " lead",
        "🇰🇪",
    ]
    call = leg(began_at=datetime(2026, 11, 20, 7, 30, 0, 250_000, tzinfo=UTC), charge_micros=2**62)
    cdrs = [
        *month_of_calls(number=4),
        *(leg(session_id=SessionId(f"X{n}"), agent=text, doubt=text) for n, text in enumerate(hostile)),
        call,
        stream(call),
    ]
    text = csv_of(cdrs, NOVEMBER)
    written = list(csv.DictReader(io.StringIO(text)))
    read = [{name: as_cell(value) for name, value in row.items()} for row in table(parquet_of(text))]
    assert read == written


def test_the_table_has_types() -> None:
    call = leg()
    row = table(parquet_of(csv_of([call, stream(call)], NOVEMBER)))[1]
    assert type(row["charge_micros"]) is int and type(row["local_day"]) is date
    assert row["began_at"] == call.began_at.replace(tzinfo=None) and row["carrier_cost_minor"] is None
    with duckdb.connect() as database:
        assert database.execute("SELECT typeof(CAST(NULL AS TIMESTAMP WITH TIME ZONE))").fetchall() == [
            (SCHEMA["began_at"],)
        ]


def test_an_empty_day_is_a_table_with_columns_and_no_rows() -> None:
    empty = parquet_of(csv_of([], NOVEMBER))
    assert table(empty) == [] and empty[:4] == b"PAR1"


def test_a_reader_finds_rows_by_the_partitions_of_their_path(tmp_path: Path) -> None:
    """As Athena does: business, year, month and day come from the path, so a query reads only the days that it names."""
    library = Library(month_of_calls(number=4))
    library.press.fulfil(Wish(business=CLINIC, month="2026-11"))
    for key, (content, _) in library.files.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with duckdb.connect() as database:
        query = f"""SELECT count(*), sum(charge_micros), any_value(day)
                    FROM read_parquet('{tmp_path}/cdr/**/*.parquet', hive_partitioning = true)
                    WHERE business = 'whitedent' AND year = 2026 AND month = 11"""
        whole = database.execute(query).fetchone()
        one = database.execute(f"{query} AND day = 20").fetchone()
    statement = list(
        csv.DictReader(io.StringIO(library.files["statements/business=whitedent/2026-11.csv"][0].decode()))
    )
    assert whole is not None and whole[:2] == (len(statement), sum(int(row["charge_micros"] or 0) for row in statement))
    assert one is not None and one[0] == sum(row["local_day"] == "2026-11-20" for row in statement)


def test_the_documented_table_is_the_one_that_is_written() -> None:
    page = (ROOT / "docs/reports.md").read_text(encoding="utf-8")
    statement = page.partition("CREATE EXTERNAL TABLE")[2].partition("```")[0]
    kinds = {"VARCHAR": "string", "BIGINT": "bigint", "DATE": "date", "TIMESTAMP WITH TIME ZONE": "timestamp"}
    for name, kind in SCHEMA.items():
        assert f"  `{name}` {kinds[kind]}" in statement, name
    assert "cdr/business=${business}/year=${year}/month=${month}/day=${day}/" in statement
    for partition in ("business", "year", "month", "day"):
        assert f"  `{partition}` " in statement and f"'projection.{partition}.type'" in statement
