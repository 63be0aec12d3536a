from __future__ import annotations

import pytest
import typer

from local.cli.call import context_of


def test_context_is_given_as_pairs() -> None:
    assert context_of(["shipment=KL4706", "note = two = three "]) == {"shipment": "KL4706", "note": "two = three"}


@pytest.mark.parametrize("pair", ["shipment", "=KL4706", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match="key=value"):
        context_of([pair])
