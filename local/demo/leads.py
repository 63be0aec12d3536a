"""Calls to leads, placed with the business's API key or by a campaign: who is worth a colleague's time, who is not, who wants to be left
alone, and whose machine picks up."""

from __future__ import annotations

from typing import Any

from local.caller import Rule
from local.carrier.machines import GREETINGS
from local.demo import handoff
from local.demo.campaigns import Campaigned
from local.demo.fixed_lines import GREETING, VOICEMAIL, judge_disclosed, judge_message
from local.demo.messages import message_rows, message_rules
from local.demo.scenario import (
    Area,
    Played,
    Plot,
    Problems,
    Request,
    Row,
    Scenario,
    expect,
    one_commit,
    statuses,
)
from local.demo.seed import leads as seeds
from local.demo.seed.leads import Seed
from pokea import agents
from pokea.consent import is_suppressed
from pokea.leads import LEAD
from pokea.phone_numbers import E164
from pokea.ports import Store
from pokea.profile import Profile


def to_the_lead(seed: Seed) -> Request:
    return Request("POST", "/calls", {"to": seed.number, "agent": "leads", "context": {"name": seed.name}})


def by_campaign(seed: Seed) -> Campaigned:
    """One colleague is free for hot leads, and a machine is told something."""
    return Campaigned("People who asked for a call", {"reps": 1, "voicemail": "message"}, {"plan": "basic"})


def fixed_lines(profile: Profile) -> dict[str, str]:
    agent = agents.get(profile.line.agent)
    return {
        GREETING: agent.calling(profile, profile.language),
        VOICEMAIL: agent.voicemail(profile, profile.language),
    }


def answers(decides: str, users: str, start: str) -> list[Rule]:
    return [
        Rule(r"good time|a minute for me", "yes go ahead", times=2),
        Rule(r"decide about|who decides", decides),
        Rule(r"how many people", users),
        Rule(r"when would you like to start", start),
    ]


def hot_rules(seed: Seed) -> list[Rule]:
    return [
        *answers("yes", seed.many, seed.soon),
        Rule(r"shall i connect you", "yes please", times=1),
        *handoff.joined_rules(),
    ]


def warm_rules(seed: Seed) -> list[Rule]:
    return [
        *answers("yes", seed.few, seed.later),
        Rule(r"shall a colleague call you back", "yes please"),
        *message_rules(seed),
    ]


def cold_rules(seed: Seed) -> list[Rule]:
    return answers("no", "two", seed.open_ended)


def opt_out_rules(seed: Seed) -> list[Rule]:
    return [Rule(r"good time", "please stop calling me")]


def judged(outcome: str) -> Any:
    def judge(played: Played) -> Problems:
        found = [row["outcome"] for row in played.rows("lead")]
        return expect(found == [outcome], f"the lead is {found} instead of {outcome}")

    return judge


def settled(played: Played, disposition: str) -> Problems:
    """What the campaign says of its contact; the carrier's count of the telephone's rings is not taken from it."""
    contacts = played.rows("contact")
    if len(contacts) != 1:
        return [f"the campaign has {len(contacts)} contacts instead of 1"]
    found = {key: contacts[0][key] for key in ("disposition", "state", "attempts", "rings")}
    wanted = {"disposition": disposition, "state": "done", "attempts": "1", "rings": "1"}
    return expect(found == wanted, f"the campaign's contact is {found}")


def judge_hot(played: Played) -> Problems:
    words = " ".join(str(note.get("text", "")) for note in (played.human.notes if played.human else ()))
    return [
        *judged("hot")(played),
        *settled(played, "hot"),
        *judge_disclosed(played),
        *handoff.judge_joined(played),
        *expect("points" in words, "the colleague was not told why"),
    ]


def judge_warm(played: Played) -> Problems:
    return [
        *judged("warm")(played),
        *one_commit(played, "message_taken"),
        *expect(len(played.rows("message", name=played.wish.name)) == 1, "no request to be called back is stored"),
        *expect(not statuses(played, "handOver"), "a lead that is only warm was put through"),
    ]


def judge_cold(played: Played) -> Problems:
    return [
        *judged("cold")(played),
        *expect(not played.rows("message"), "a message was stored for a cold lead"),
        *expect(not played.rows("suppression"), "a cold lead was put on the list of those who are never called"),
        *expect(played.ended_because == "goodbye", f"ended because of {played.ended_because!r}"),
    ]


def judge_opt_out(played: Played) -> Problems:
    return [
        *settled(played, "opted_out"),
        *expect(len(played.rows("suppression")) == 1, "the number may still be called"),
        *expect(played.duration_s < 45, f"it took {played.duration_s:.0f} s to let go"),
        *expect(played.ended_because == "goodbye", f"ended because of {played.ended_because!r}"),
    ]


def judge_voicemail(played: Played) -> Problems:
    return [
        *settled(played, "machine"),
        *judge_message(played),
        *expect(not played.rows("lead"), "a machine is stored as a lead"),
        *expect(played.ended_because == "machine", f"ended because of {played.ended_because!r}"),
    ]


def no_rules(seed: Seed) -> list[Rule]:
    """A machine says the same to everybody."""
    return []


def stored(store: Store, profile: Profile, wish: Any, session_id: str) -> list[Row]:
    lead = store.record(LEAD, profile.business_id, session_id)
    return [
        *([{"kind": "lead", "outcome": lead.outcome.value, "score": str(lead.score)}] if lead else []),
        *(
            [{"kind": "suppression", "number": wish.number}]
            if is_suppressed(store, profile.business_id, E164(wish.number))
            else []
        ),
        *message_rows(store, profile, session_id),
    ]


HOT = Scenario(
    "handoff",
    "worth it: put through to sales",
    hot_rules,
    judge_hot,
    human=handoff.ACCEPTS,
    campaign=by_campaign,
    fixed=fixed_lines,
)
WARM = Scenario("warm", "to be called back", warm_rules, judge_warm, request=to_the_lead)
COLD = Scenario("cold", "not for them", cold_rules, judge_cold, request=to_the_lead)
OPT_OUT = Scenario("opt-out", "never called again", opt_out_rules, judge_opt_out, campaign=by_campaign)
MACHINE = Scenario(
    "voicemail",
    "a message on the machine",
    no_rules,
    judge_voicemail,
    campaign=by_campaign,
    mailbox=GREETINGS["en"],
    fixed=fixed_lines,
)

AREA = Area(
    "leads",
    (Plot((WARM,)), Plot((COLD,), once=True), Plot((OPT_OUT,), once=True), Plot((MACHINE,)), Plot((HOT,))),
    (Plot((WARM,), once=True),),
    seeds.fixed,
    seeds.drawn,
    seeds.records,
    stored,
)
