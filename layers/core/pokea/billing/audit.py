"""Two witnesses of the same legs, ours and the carrier's, compared: which charges disagree, how, and what proves it.

A pure function of both files and a rate deck. What cannot be judged is listed as unknown; it counts neither as right nor as wrong, and
never as 0. docs/rate-decks.md tells the classes of differences with examples.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pokea.billing.audit_amounts import AmountJudge, Raters, Verdict
from pokea.billing.audit_findings import Audit, Difference, Finding, Unknown
from pokea.billing.audit_matching import AGREEMENT, Matching, billed_s, talk_of, talk_s_of
from pokea.billing.call_leg import IN_PROGRESS, UNANSWERED, BilledLeg, CallLeg, Direction
from pokea.billing.rate_deck import RateDeck
from pokea.billing.rating import Charge
from pokea.clock import as_utc


def audit(
    deck: RateDeck,
    ours: Sequence[CallLeg],
    carriers: Sequence[BilledLeg],
    *,
    settled_before: datetime | None = None,
    raters: Raters | None = None,
) -> Audit:
    """Every disagreement between `ours` and `carriers`, in the order of `ours`, then of what only the carrier has.

    A leg that ended at or after `settled_before` may still be on its way into the carrier's books: where its record is not final, that
    is unknown. None: every record should be final. `raters`: of this deck, from an audit before.
    """
    ours = [own.in_utc() for own in ours]
    carriers = [
        replace(billed, leg=leg) if (leg := billed.leg.in_utc()) is not billed.leg else billed for billed in carriers
    ]
    desk = _Desk(raters or Raters(deck), ours, settled_before)
    matched = Matching(ours, carriers)
    desk.unknowns += matched.unknowns
    for own, billed, moved in matched.pairs:
        if moved:
            desk.add(Difference.TRANSFER_LEG_UNPAIRED, own, billed, note=f"for us it is {_name(own)}")
        desk.judge(own, billed)
    billed_calls = {billed.leg.call_id for own, billed, _ in matched.pairs if own.direction is not Direction.TRANSFER}
    for own in matched.only_ours:
        desk.judge_missing(own, is_call_billed=own.call_id in billed_calls)
    for own, billed in matched.twice:
        desk.add(Difference.DUPLICATE, own, billed, note="the carrier has booked the same leg before", nothing_due=True)
    for billed in matched.only_carriers:
        desk.judge_unobserved(billed)
    return desk.report(deck)


@dataclass(frozen=True, slots=True)
class _Draft:
    finding: Finding
    verdict: Verdict | None = None


class _Desk:
    """Collects what is found. Lives for one audit."""

    def __init__(self, raters: Raters, ours: Iterable[CallLeg], settled_before: datetime | None) -> None:
        self.unknowns: list[Unknown] = []
        self._deck = raters.deck
        self._rater = raters.own
        self._amounts = AmountJudge(raters)
        self._settled_before = None if settled_before is None else as_utc(settled_before)
        self._drafts: list[_Draft] = []
        self._agreed = 0
        self._streams: dict[str, list[CallLeg]] = defaultdict(list)
        for own in ours:
            if own.direction is Direction.STREAM:
                self._streams[own.call_id].append(own)

    def add(
        self,
        kind: Difference,
        own: CallLeg | None,
        billed: BilledLeg | None,
        verdict: Verdict | None = None,
        note: str = "",
        *,
        nothing_due: bool = False,
    ) -> None:
        leg = own or (billed.leg if billed else None)
        assert leg is not None  # a finding is about a leg that somebody has seen
        charge = verdict.charge if verdict else self._expected(own)
        known_micros = None if charge is None else charge.micros
        finding = Finding(
            kind=kind,
            call_id=(billed.leg if billed else leg).call_id,
            leg=(billed.leg if billed else leg).leg,
            direction=leg.direction,
            observed_s=None if own is None else talk_s_of(own),
            billed_s=None if billed is None else billed_s(billed),
            expected_micros=0 if nothing_due else known_micros,
            charged_minor=None if billed is None else billed.cost_minor,
            charged_currency="" if billed is None else billed.currency,
            currency=self._deck.currency,
            rule="" if charge is None or nothing_due else charge.rule,
            fits=verdict.fits if verdict else (),
            by_rule=verdict.by_rule if verdict else (),
            row=charge.lines[0].row if charge and charge.lines else self._rater.row_of(leg),
            deck_id=self._deck.deck_id,
            note=note or (verdict.note if verdict else ""),
        )
        self._drafts.append(_Draft(finding, verdict))

    def judge(self, own: CallLeg, billed: BilledLeg) -> None:
        """One leg that both have."""
        if self._judge_progress(own, billed):
            return
        found = len(self._drafts)
        asked = len(self.unknowns)
        is_comparable = self._judge_currency(own, billed)
        if own.is_unanswered:
            self._judge_unanswered(own, billed, is_comparable)
        elif talk_of(own) is None:
            self._unknown(own, "our own record does not say whether and how long there was talk")
        else:
            self._judge_answered(own, billed, is_comparable)
        self._agreed += len(self._drafts) == found and len(self.unknowns) == asked

    def judge_missing(self, own: CallLeg, *, is_call_billed: bool) -> None:
        """A leg that we saw and the carrier does not have."""
        existed = own.answered_at is not None or own.is_unanswered or own.status == "completed"
        if own.ended_at is None or not existed:
            self._unknown(own, "our own record has no end, and the carrier has none at all")
        elif self._is_fresh(own):
            self._unknown(own, "the carrier may still book it")
        elif own.direction is Direction.STREAM:
            charge = self._expected(own)
            if charge is None or charge.doubt:
                self._agreed += 1  # the deck has no fee for streams, or is not sure of it
            else:
                self.add(Difference.MISSING, own, None, note="the carrier has no record of it")
        elif own.direction is Direction.TRANSFER and is_call_billed:
            self.add(
                Difference.TRANSFER_LEG_UNPAIRED, own, None, note="the carrier has the caller's leg, not the transfer's"
            )
        else:
            self.add(Difference.MISSING, own, None, note="the carrier has no record of it")

    def judge_unobserved(self, billed: BilledLeg) -> None:
        """A leg that only the carrier has."""
        direction = billed.leg.direction
        if direction is Direction.TRANSFER:
            self.add(Difference.TRANSFER_LEG_UNPAIRED, None, billed, note="we saw no such transfer in this call")
        elif direction is Direction.STREAM and billed.cost_minor is None:
            self._unknown(billed.leg, "we saw no such stream, and the carrier does not say what it charges")
        elif direction is Direction.STREAM:
            if billed.cost_minor:
                self.add(Difference.STREAM_FEE, None, billed, note="we saw no such stream")
            else:
                self._agreed += 1
        else:
            self.add(Difference.MISSING, None, billed, note="we have no record of it")

    def report(self, deck: RateDeck) -> Audit:
        verdicts = [draft.verdict for draft in self._drafts if draft.verdict is not None]
        settled = self._amounts.settle(verdicts)
        findings = []
        for draft in self._drafts:
            finding = draft.finding
            if draft.verdict is not None and (other := settled.get(id(draft.verdict))) is not None:
                finding = replace(finding, kind=other.kind or finding.kind, fits=other.fits, note=other.note)
            findings.append(finding)
        return Audit(
            deck, tuple(findings), tuple(self.unknowns), self._agreed, self._amounts.judged, self._amounts.counts()
        )

    def _judge_progress(self, own: CallLeg, billed: BilledLeg) -> bool:
        """Whether the carrier's record is not final, so that nothing else can be compared."""
        if billed.leg.ended_at is not None or billed.leg.status not in IN_PROGRESS:
            return False
        if own.ended_at is None:
            self._unknown(own, "the leg has not ended, for us and for the carrier")
        elif self._is_fresh(own):
            self._unknown(own, "the carrier may still close it")
        else:
            self.add(Difference.STUCK, own, billed, note=f"the carrier has it as {billed.leg.status}, and it has ended")
        return True

    def _judge_currency(self, own: CallLeg, billed: BilledLeg) -> bool:
        """Whether the carrier's amount can be compared with the deck's."""
        if billed.currency and billed.currency != self._deck.currency:
            self.add(
                Difference.CURRENCY, own, billed, note=f"charged in {billed.currency}, priced in {self._deck.currency}"
            )
            return False
        if billed.cost_minor is None:
            self._unknown(own, "the carrier does not say what it charges")
            return False
        if billed.cost_minor and not billed.currency:
            self._unknown(own, "the carrier does not say in which currency it charges")
            return False
        return True

    def _judge_unanswered(self, own: CallLeg, billed: BilledLeg, is_comparable: bool) -> None:
        if is_comparable and billed.cost_minor:
            self.add(Difference.FAILED_LEG_BILLED, own, billed, note=f"nobody answered ({own.status})")
        elif (billed_s(billed) or 0) > AGREEMENT.seconds:
            self.add(Difference.DURATION_DIFFERS, own, billed, note=f"nobody answered ({own.status})")

    def _judge_answered(self, own: CallLeg, billed: BilledLeg, is_comparable: bool) -> None:
        talk, theirs_s = talk_of(own), billed_s(billed)
        assert talk is not None
        if is_comparable and billed.cost_minor and billed.leg.status in UNANSWERED:
            note = f"the carrier's own record says {billed.leg.status}"
            self.add(Difference.FAILED_LEG_BILLED, own, billed, note=note)
            return
        if theirs_s is None:
            self._unknown(own, "the carrier does not say how long it took")
            return
        agrees = abs(talk - timedelta(seconds=theirs_s)) <= AGREEMENT
        if not agrees:
            self.add(Difference.DURATION_DIFFERS, own, billed)
        if not is_comparable:
            return
        theirs = replace(
            own,
            b_number=own.b_number or billed.leg.b_number,
            answered_at=(answered := billed.leg.answered_at or own.answered_at),
            ended_at=None if answered is None else answered + timedelta(seconds=theirs_s),
            status="completed",
        )
        assert billed.cost_minor is not None
        verdict = self._amounts.judge(
            [theirs, own]
            if agrees and (own.answered_at, own.ended_at) != (theirs.answered_at, theirs.ended_at)
            else [theirs],
            billed.cost_minor,
            self._streams.get(own.call_id, ()),
        )
        if verdict.unknown:
            self._unknown(own, verdict.unknown)
        elif verdict.kind is not None:
            self.add(verdict.kind, own, billed, verdict)

    def _expected(self, own: CallLeg | None) -> Charge | None:
        charge = None if own is None else self._rater.rate(own)
        return charge if isinstance(charge, Charge) else None

    def _is_fresh(self, own: CallLeg) -> bool:
        return self._settled_before is not None and own.ended_at is not None and own.ended_at >= self._settled_before

    def _unknown(self, leg: CallLeg, reason: str) -> None:
        self.unknowns.append(Unknown(leg.call_id, leg.leg, reason))


def _name(leg: CallLeg) -> str:
    return f"call {leg.call_id}, leg {leg.leg}"


def counted(findings: Iterable[Finding]) -> Mapping[Difference, int]:
    """How many findings there are of each class, every class named."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in Difference}
