"""Where a telephone may be."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pokea.campaigns.whereabouts import NOWHERE, whereabouts, zone_named
from pokea.phone_numbers import E164


@pytest.mark.parametrize(
    ("number", "region", "zones"),
    [
        ("+254722000111", "KE", ("Africa/Nairobi",)),
        ("+254800720000", "KE", ("Africa/Nairobi",)),
        ("+2348031234567", "NG", ("Africa/Lagos",)),
        ("+233244123456", "GH", ("Africa/Accra",)),
        ("+256772123456", "UG", ("Africa/Kampala",)),
        ("+12125550123", "US", ("America/New_York",)),
    ],
)
def test_a_number_says_where_it_may_be(number: str, region: str, zones: tuple[str, ...]) -> None:
    found = whereabouts(E164(number))
    assert (found.region, found.zones) == (region, zones)


def test_countries_that_share_a_calling_code_are_told_apart() -> None:
    assert [whereabouts(E164(number)).region for number in ("+12125550123", "+18762101234", "+14165550123")] == [
        "US",
        "JM",
        "CA",
    ]


@pytest.mark.parametrize(("number", "least"), [("+18005550123", 40), ("+79161234567", 10), ("+61412345678", 6)])
def test_a_number_that_is_bound_to_no_place_may_be_anywhere_in_its_country(number: str, least: int) -> None:
    assert len(whereabouts(E164(number)).zones) >= least


@pytest.mark.parametrize("number", ["+25410000", "+999123456789", "+2547220001"])
def test_a_number_that_nobody_gave_out_is_nowhere(number: str) -> None:
    assert whereabouts(E164(number)) == NOWHERE


def test_a_satellite_telephone_is_in_no_zone_that_anybody_knows() -> None:
    assert whereabouts(E164("+870773123456")).zones == ()


def test_zones_have_iana_names() -> None:
    zone = zone_named("Africa/Nairobi")
    assert zone and zone.key == "Africa/Nairobi"
    assert zone_named("Asia/Kathmandu") and zone_named("UTC") and zone_named("Etc/GMT-3")


@pytest.mark.parametrize(
    "name",
    ["", " ", "Nairobi", "africa/nairobi", "Africa", "Africa/", "/etc/localtime", "../UTC", "Factory", "localtime", "posix/UTC",
     "right/UTC", "x" * 100, "UTC\0", "zone.tab", "Etc/Unknown"],
)  # fmt: skip
def test_anything_else_is_no_zone(name: str) -> None:
    assert zone_named(name) is None


def test_importing_the_law_loads_no_calendar_and_no_number_plan() -> None:
    program = "import json, sys, pokea.campaigns.law; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"holidays", "phonenumbers", "pydantic", "boto3"} & set(json.loads(run.stdout))
