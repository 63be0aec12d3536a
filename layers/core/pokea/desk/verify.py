"""verifyCaller: whose account this call may open. The rules are in `pokea.verification`; here they meet the call's memory and the store."""

from __future__ import annotations

import re
from dataclasses import replace

from pokea.accounts import Account, Factor
from pokea.call_memory import MEMORY, CallMemory
from pokea.desk.memory import memory_of, remember
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, refused, reply
from pokea.ports import Change
from pokea.support import SupportRules
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.verification import TRIES, Progress, Tries, code_of, target_of, understood

NOTE = "verification"
GO_ON = "Call the tool for what the caller wanted, if they have said it; else ask how you can help."
_BY_NUMBER = frozenset(
    [
        "this",
        "number",
        "phone",
        "calling",
        "know",
        "no",
        "not",
        "dont",
        "forgot",
        "same",
        "hii",
        "namba",
        "nambari",
        "simu",
        "sijui",
        "hapana",
        "sina",
        "nimesahau",
    ]
)
_NAMES_OF_FACTORS = {Factor.PIN: "PIN", Factor.NAME: "full name", Factor.BIRTH_DATE: "date of birth"}


def support_rules(visit: Visit) -> SupportRules:
    return visit.desk.profile.support or SupportRules()


def opened_account(visit: Visit) -> Account | ToolResult:
    """The account that this call has opened, or the next question towards opening one."""
    account = visit.desk.accounts.find(visit.caller.account) if visit.caller.account else None
    return account or _next_question(visit, Progress.read(memory_of(visit).notes.get(NOTE)), first=True)


def verify_caller(visit: Visit) -> ToolResult:
    memory = memory_of(visit)
    progress = Progress.read(memory.notes.get(NOTE))
    if progress.is_locked:
        return only_a_human(visit)
    reference, answer = visit.text("reference"), visit.call.evidence.keys or visit.text("answer")
    if visit.caller.account and not reference and not progress.claimed:
        return _verified(visit)
    if not reference and not progress.claimed:
        reference, answer = answer, ""
    if reference:
        claim = _claim(visit, reference, progress)
        if claim is None:
            return _unclear(visit) or _ask_reference(visit, "verify_reference_again")
        if claim != progress:
            progress = claim
            memory = remember(visit, lambda m: m.noted(**{NOTE: claim.to_json()}))
    if not answer:
        return _next_question(visit, progress, first=False)
    return _answered(visit, memory, progress, answer)


def only_a_human(visit: Visit) -> ToolResult:
    department = support_rules(visit).escalate_to
    arguments = {"reason": "could not be verified", **({"department": department} if department else {})}
    return refused(
        "only_a_human",
        visit.say("verify_only_a_human"),
        then=then_yes_no({"tool": "handOver", "arguments": arguments}, None),
    )


# --- one step --------------------------------------------------------------------------------------------------------------------


def _claim(visit: Visit, said: str, progress: Progress) -> Progress | None:
    """What is claimed, whether or not there is such an account; None where the words name nothing."""
    code = code_of(said, visit.language)
    if code:
        is_same = code == progress.claimed and not progress.by_number
        return progress if is_same else progress.claiming(code, by_number=False)
    number = visit.caller.a_number
    means_number = bool(_BY_NUMBER & set(re.findall(r"[a-z]+", said.casefold().replace("'", ""))))
    if not means_number or number is None or not support_rules(visit).factors_by_number:
        return None
    found = visit.desk.accounts.by_number(number)
    claimed = found[0] if len(found) == 1 else f"number:{target_of(number)}"
    return progress.claiming(claimed, by_number=True)


def _factors(visit: Visit, progress: Progress) -> tuple[Factor, ...]:
    rules = support_rules(visit)
    return rules.factors_by_number if progress.by_number else rules.factors


def _answered(visit: Visit, memory: CallMemory, progress: Progress, answer: str) -> ToolResult:
    """Judge one answer. Only one of several answers that come at once counts: the others find the call's memory changed."""
    factors = _factors(visit, progress)
    factor = factors[min(progress.asked, len(factors) - 1)]
    given = understood(factor, answer, support_rules(visit).pin_digits, visit.language).answer
    if given is None:
        return _unclear(visit) or _question(visit, factor, again=True)
    after = progress.answered(visit.desk.accounts.check(progress.claimed, factor, given))
    account = visit.desk.accounts.find(progress.claimed) if after.asked >= len(factors) else None

    def decide() -> Decision[ToolResult]:
        fresh = memory_of(visit)
        if fresh.version != memory.version:
            return Decision(_next_question(visit, Progress.read(fresh.notes.get(NOTE)), first=False))
        if after.asked < len(factors):
            noted = fresh.noted(**{NOTE: after.to_json()})
            return Decision(_question(visit, factors[after.asked]), Change(records=(MEMORY.of(noted),)))
        return _verdict(visit, fresh, after, account)

    return settle(visit.store, decide)


def _unclear(visit: Visit) -> ToolResult | None:
    """Nothing was understood. It costs no attempt, but who is never understood is offered a person; None as long as asking again may do."""
    memory = remember(visit, lambda m: m.noted(**{NOTE: Progress.read(m.notes.get(NOTE)).not_understood().to_json()}))
    return only_a_human(visit) if Progress.read(memory.notes.get(NOTE)).is_hopeless else None


def _verdict(visit: Visit, memory: CallMemory, progress: Progress, account: Account | None) -> Decision[ToolResult]:
    """The last factor was answered. Verdict and count are one write, so that no attempt goes uncounted.

    What counts and what is opened is the account as it is kept, not the claim: one account can be claimed in several spellings.
    """
    target = target_of(account.account_id if account else progress.claimed)
    tries = visit.store.record(TRIES, visit.caller.business_id, target) or Tries.none(visit.caller.business_id, target)
    if tries.is_used_up(visit.now):
        locked = memory.noted(**{NOTE: progress.locked().to_json()})
        return Decision(only_a_human(visit), Change(records=(MEMORY.of(locked),)))
    if progress.all_right and account is not None:
        opened = _opened(visit, memory, progress, account)
        return Decision(_verified(visit), Change(records=(MEMORY.of(opened),)))
    failed, counted = progress.failed(), tries.failed(visit.now)
    is_over = failed.is_locked or counted.is_used_up(visit.now)
    noted = memory.noted(**{NOTE: (failed.locked() if is_over else failed).to_json()})
    answer = only_a_human(visit) if is_over else _ask_reference(visit, "verify_no_match", "no_match")
    return Decision(answer, Change(records=(MEMORY.of(noted), TRIES.of(counted))))


def _opened(visit: Visit, memory: CallMemory, progress: Progress, account: Account) -> CallMemory:
    proofs = [_NAMES_OF_FACTORS[factor] for factor in _factors(visit, progress)]
    how = " and ".join(proofs if progress.by_number else ["account number", *proofs])
    kept = replace(memory, account=account.account_id)
    return kept.noted(**{NOTE: Progress(failures=progress.failures).to_json(), "verified_by": how})


def _verified(visit: Visit) -> ToolResult:
    return reply("verified", visit.say("verify_verified"), instruction=GO_ON)


# --- questions -------------------------------------------------------------------------------------------------------------------


def _next_question(visit: Visit, progress: Progress, *, first: bool) -> ToolResult:
    if progress.is_locked:
        return only_a_human(visit)
    if not progress.claimed:
        return _ask_reference(visit, "verify_first" if first else "verify_reference")
    factors = _factors(visit, progress)
    return _question(visit, factors[min(progress.asked, len(factors) - 1)])


def _ask_reference(visit: Visit, words: str, code: str = "") -> ToolResult:
    may_use_number = visit.caller.a_number is not None and bool(support_rules(visit).factors_by_number)
    said = (
        visit.say(words)
        + " "
        + visit.say("verify_ask_reference_or_number" if may_use_number else "verify_ask_reference")
    )
    more: dict[str, object] = {"code": code} if code else {}
    return reply(
        "ask", said, question="reference", then=then("verifyCaller", fill="reference", expect="reference"), **more
    )


_EXPECTED = {Factor.PIN: "digits", Factor.NAME: "name", Factor.BIRTH_DATE: "text"}


def _question(visit: Visit, factor: Factor, *, again: bool = False) -> ToolResult:
    digits = support_rules(visit).pin_digits
    said = visit.say(f"verify_ask_{factor.value}{'_again' if again else ''}", digits=str(digits))
    secret = {Factor.PIN: digits, Factor.BIRTH_DATE: "secret"}.get(factor)
    more: dict[str, object] = {"expects_digits": secret} if secret else {}
    asked = then("verifyCaller", fill="answer", expect=_EXPECTED[factor])
    return reply("ask", said, question=factor.value, then=asked, **more)
