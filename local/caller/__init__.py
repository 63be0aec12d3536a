"""Simulated callers: they hear by energy and speak pre-synthesised lines, by rules over the agent's words or by hand."""

from local.caller.caller import ScriptedCaller, Spoken
from local.caller.hearing import Heard, Hearing
from local.caller.manual import ManualCaller
from local.caller.mouth import Speaker
from local.caller.rules import AGAIN, Aside, Interruption, Persona, Rule, RuleBook
from local.caller.sounds import cough

__all__ = [
    "AGAIN",
    "Aside",
    "Heard",
    "Hearing",
    "Interruption",
    "ManualCaller",
    "Persona",
    "Rule",
    "RuleBook",
    "ScriptedCaller",
    "Speaker",
    "Spoken",
    "cough",
]
