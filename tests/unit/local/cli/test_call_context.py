from __future__ import annotations

import pytest
import typer

from local.cli.call import check_answerer, context_of


def test_context_is_given_as_pairs() -> None:
    assert context_of(["shipment=KL4706", "note = two = three "]) == {"shipment": "KL4706", "note": "two = three"}


@pytest.mark.parametrize("pair", ["shipment", "=KL4706", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match="key=value"):
        context_of([pair])


def test_only_a_placed_call_is_answered_by_an_apparatus_and_an_apparatus_says_nothing_of_ours() -> None:
    check_answerer("person", outbound=False, speaks=True)
    check_answerer("machine", outbound=True, speaks=False)
    with pytest.raises(typer.BadParameter, match="--outbound"):
        check_answerer("machine", outbound=False, speaks=False)
    with pytest.raises(typer.BadParameter, match="says nothing"):
        check_answerer("fax", outbound=True, speaks=True)
