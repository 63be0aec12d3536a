"""Files of rows, sound and hostile: what they begin with decides what they are, and a bad row costs itself alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime

import pytest

from pokea.campaigns.lists import csv_rows, rows, xlsx_rows
from pokea.campaigns.lists.rows import MAX_ROW_CHARS, BadList, ListFile, Row, list_file
from tests.support.contact_lists import csv_of, opened, xlsx_of

HEAD = b"phone,name\n"


def read(content: bytes) -> ListFile:
    return list_file(lambda: opened(content), "people")


def cells_of(content: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in read(content).rows()]


# --- CSV -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_csv_of_every_delimiter_mark_and_line_end_is_read(delimiter: str, mark: bytes, newline: bytes) -> None:
    content = mark + csv_of([["0712345678", "A, b; c\td"]], ["phone", "name"], delimiter).replace(b"\n", newline)
    assert read(content).header == ("phone", "name")
    assert cells_of(content) == [("0712345678", "A, b; c\td")]


def test_a_first_line_that_names_the_delimiter_is_no_row() -> None:
    assert cells_of(b"sep=;\nphone;name, full\n1;2\n") == [("1", "2")]


def test_a_delimiter_within_quotes_does_not_count() -> None:
    assert read(b'"phone, mobile, or home";name\n1;2\n').header == ("phone, mobile, or home", "name")


def test_rows_are_counted_by_the_line_they_begin_in_and_blank_ones_are_none() -> None:
    found = list(read(b'\nphone,name\n\n1,"a\nb"\n,\n2,c\n').rows())
    assert [(row.line, row.cells) for row in found] == [(4, ("1", "a\nb")), (7, ("2", "c"))]


def test_a_quote_that_never_closes_costs_its_own_line() -> None:
    lines = [b'1,"a', *(b"%d,b" % number for number in range(2, 200))]
    first, *others = read(HEAD + b"\n".join(lines)).rows()
    assert first == Row(2, ('1,"a',), csv_rows._OPEN_QUOTE)
    assert [row.cells[0] for row in others] == [str(number) for number in range(2, 200)]


def test_a_quote_in_the_midst_of_a_cell_costs_its_own_line() -> None:
    first, second, third = read(HEAD + b'1,a\n2,"b" c\n3,d\n').rows()
    assert not first.problem and "is not CSV" in second.problem and third.cells == ("3", "d")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b" , ,\n1,2,3\n", "is empty"),
        ("phone,nafn\n1,Þór\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        ("phone,name\n1,a\n".encode("utf-16"), "is not UTF-8 text"),
        ("phone,name\n1,a\n".encode("utf-16-le"), "is not UTF-8 text"),
        (HEAD + b"1," + b"x" * MAX_ROW_CHARS, "line 2 is longer than 100,000 characters"),
        (",".join(f"c{n}" for n in range(201)).encode(), "has more than 200 columns"),
        (b'phone,"name\n1,2\n', "line 1: a quote"),
        (b"\xd0\xcf\x11\xe0old", "is an old Excel file or one with a password"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(content: bytes, says: str) -> None:
    with pytest.raises(BadList) as refused:
        list(read(content).rows())
    assert refused.value.message.startswith(f"people: {says}") and "\n" not in refused.value.message


def test_a_cell_of_ten_thousand_characters_is_only_a_cell() -> None:
    assert cells_of(HEAD + b"1," + b"x" * 10_000 + b"\n2,b\n")[1] == ("2", "b")


# --- JSON ------------------------------------------------------------------------------------------------------------------------


def test_json_arrays_and_lines_have_the_columns_of_all_objects() -> None:
    people = [{"phone": "1", "name": "a"}, {"phone": "2", "plan": None}, {"name": "c", "paid": True}]
    wanted = [("1", "a", "", ""), ("2", "", "", ""), ("", "c", "", "true")]
    for content in (
        json.dumps(people),
        json.dumps(people, indent=2),
        "\ufeff " + json.dumps(people),
        "\n".join(map(json.dumps, people)),
    ):
        assert read(content.encode()).header == ("phone", "name", "plan", "paid")
        assert cells_of(content.encode()) == wanted


def test_no_digit_of_a_json_number_is_lost() -> None:
    content = b'[{"phone": 254712345678901234567890}, {"phone": 7.12346E+08}, {"phone": 1e999}]'
    assert cells_of(content) == [("254712345678901234567890",), ("7.12346E+08",), ("1e999",)]


def test_what_is_no_object_in_json_costs_itself() -> None:
    first, second, third, fourth = read(b'[{"phone": "1"}, 5, {"phone": {"a": [1]}}, {"phone": "2"}]').rows()
    assert (first.line, first.problem) == (1, "")
    assert second.problem == "is not a JSON object"
    assert third.problem == "phone holds a table, not a text" and third.cells == ('{"a": ["1"]}',)
    assert fourth == Row(4, ("2",))
    good, bad, again = read(b'{"phone": "1"}\n{"phone": \n\n{"phone": "2"}\n').rows()
    assert (good.line, bad.line, bad.problem, again.line) == (1, 2, "is not JSON", 4)


def test_half_a_character_in_json_can_be_written_to_a_file() -> None:
    assert cells_of(b'[{"phone": "\\ud800x"}]')[0][0].encode("utf-8").decode() == "�x"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[]", "is empty"),
        (b"[{}]", "is empty"),
        (b"[" + b"[" * 90_000, "item 1 is not JSON"),
        (b'[{"phone": "1"}', "is no JSON array of objects: ']' is missing"),
        (b'[{"phone": "1"} {"phone": "2"}]', "is no JSON array of objects: ']' is missing"),
        (b'[{"phone": "1"}] x', "goes on after the end"),
        (b'[{"phone": "1"}, {"phone": ', "item 2 is not JSON"),
        (b'[{"phone": "' + b"1" * (MAX_ROW_CHARS + 1) + b'"}]', "item 1 is longer than"),
        (b'[{"phone": "\xff"}]', "is not UTF-8 text"),
        (b'{"phone": "\xff"}', "is not UTF-8 text"),
        (b'{\n"phone": "1"\n}', "is neither a JSON array of objects nor one JSON object a line"),
        (json.dumps([{f"c{n}": "x"} for n in range(300)]).encode(), "has more than 200 columns"),
        (b"[" + b" " * 1_000_000 + b"{", "item 1 is not JSON"),
    ],
)
def test_json_that_cannot_be_used_is_one_clear_line(content: bytes, says: str) -> None:
    with pytest.raises(BadList) as refused:
        list(read(content).rows())
    assert refused.value.message.startswith(f"people: {says}")


# --- XLSX ------------------------------------------------------------------------------------------------------------------------


def test_a_spreadsheets_values_become_text_without_losing_anything() -> None:
    values = [712345678, 254712345678.0, 7.5, True, datetime(2026, 10, 2, 9, 14), None, "=1+1", "Ünï"]
    content = xlsx_of([values], [f"c{number}" for number in range(8)])
    assert cells_of(content)[0] == ("712345678", "254712345678", "7.5", "True", "2026-10-02T09:14:00", "", "", "Ünï")
    assert read(content).unit == "row"


def test_blank_rows_of_a_spreadsheet_are_none_and_the_others_keep_their_numbers() -> None:
    found = list(read(xlsx_of([[], ["1", "a"], [None, " "], ["2", "b", "", None]], ["phone", "name"])).rows())
    assert [(row.line, row.cells) for row in found] == [(3, ("1", "a")), (5, ("2", "b"))]


def package(**parts: bytes) -> bytes:
    """An XLSX whose parts of these names (dots for slashes) are replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of([["1"]], ["phone"]))) as sound, zipfile.ZipFile(out, "w", 8) as made:
        for name in sound.namelist():
            made.writestr(name, parts.get(name, sound.read(name)))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
XML = b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = b"</sheetData></worksheet>"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row><c t="inlineStr"><is><t>&b;</t></is></c></row>' + END
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (package(**{SHEET: b"x" * (xlsx_rows.MAX_PACKAGE_BYTES + 1)}), "holds more than a spreadsheet of people"),
        (package(**{SHEET: XML + b"<row>" + b"<c/>" * 60_000 + b"</row>" + END}), "holds more than"),
        (package(**{SHEET: XML + b'<row r="2000000"><c/></row>' + END}), "holds more than"),
        (package(**{SHEET: XML + b'<row r="1e400"><c/></row>' + END}), "cannot be read as an Excel file"),
        (package(**{SHEET: LAUGHS}), "cannot be read as an Excel file"),
        (package(**{SHEET: XML}), "cannot be read as an Excel file"),
        (package(**{SHEET: XML + b'<row><c r="A"><v>x</v></c></row>' + END}), "cannot be read as an Excel file"),
        (package(**{SHEET: XML + b'<row><c t="s"><v>99</v></c></row>' + END}), "cannot be read as an Excel file"),
        (package(**{SHEET: XML + END}), "is empty"),
        (package(**{"[Content_Types].xml": b"<a/>"}), "cannot be read as an Excel file"),
        (b"PK\x03\x04 and no more", "cannot be read as an Excel file"),
        (package()[:-30], "cannot be read as an Excel file"),
    ],
    ids=range(12),
)
def test_a_package_that_was_made_to_harm_is_refused_before_it_is_loaded(content: bytes, says: str) -> None:
    assert len(content) < 200_000
    with pytest.raises(BadList) as refused:
        list(read(content).rows())
    assert refused.value.message.startswith(f"people: {says}") and "\n" not in refused.value.message


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_rows, "MAX_ELEMENTS", 500)
    with pytest.raises(BadList, match="save it as CSV UTF-8"):
        read(xlsx_of([["1"]] * 300, ["phone"]))


def test_only_a_spreadsheet_costs_the_library_for_spreadsheets() -> None:
    code = (
        "import io, sys; from pokea.campaigns.lists.rows import list_file; import pokea.campaigns.listing;"
        "list(list_file(lambda: io.BytesIO(b'phone\\n1\\n'), 'x').rows()); print('openpyxl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_kind_of_a_file_is_what_it_begins_with() -> None:
    assert [
        type(read(content)).__name__ for content in (HEAD, b' [{"phone":1}]', b'{"phone":1}', xlsx_of([], ["phone"]))
    ] == [
        "CsvList",
        "JsonArray",
        "JsonLines",
        "XlsxList",
    ]
    assert rows.MAX_COLUMNS == 200
