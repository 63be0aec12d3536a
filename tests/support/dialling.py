"""A control plane whose clinic hands callers over by the carrier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions.tools.operations import Operations
from functions.voice.reception import CarrierWays, Reception
from pokea.profile import Profile
from pokea.sautikit.register import CallRegister
from pokea.toolkit import HandoffMode
from tests.support.control_plane import LINE, LINES, ControlPlane


class DiallingPlane(ControlPlane):
    """The clinic hands over by the carrier."""

    def __init__(self, continues: bool = True, nested: bool = True) -> None:
        self.nested = nested
        super().__init__(continues=continues)

    @property
    def lines(self) -> Any:
        return {**LINES, LINE.number: replace(LINE, dials=True)}

    def make_register(self) -> CallRegister:
        return CallRegister(self.calls, self.lines)

    def reception(self) -> Reception:
        reception = super().reception()
        reception._lines = self.lines
        reception._ways = CarrierWays(self.continues, self.nested)
        return reception

    def make_operations(self, **parts: Any) -> Operations:
        profiles = dict(parts["profiles"])
        clinic: Profile = profiles[LINE.business_id]
        rules = replace(clinic.directory.rules, mode=HandoffMode.DIAL)
        profiles[LINE.business_id] = replace(clinic, directory=replace(clinic.directory, rules=rules))
        return super().make_operations(**{**parts, "profiles": profiles})
