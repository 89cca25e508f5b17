"""Findings of outcomes: what makes a comparison worthless, in words, and what to do."""

from collections.abc import Iterator

from streams.contract.health import Finding
from streams.contract.outcomes_page import BalanceCheck, OutcomesPage

UNSEEN = 0.5  # of slates: fewer are seen where a page sends impressions
LEAST_SLATES = 200


def outcome_findings(page: OutcomesPage) -> Iterator[Finding]:
    """All that there is to say, the gravest first."""
    checks = {check.check: check for check in page.balance}
    offered = sum(each.offered for each in page.variants)
    if page.never_seen_share == 1.0 and offered >= LEAST_SLATES:
        yield Finding(
            "never-seen",
            "alarm",
            "No slate is ever seen",
            f"{offered:,} slates were offered, and no impression names one of them.",
            "Send impressions with the slate_id of the answer.",
        )
    yield from _balance(checks)
    for loss in page.tracking[:3]:
        where = f"of segment {loss.segment}" if loss.segment else "of all segments"
        yield Finding(
            "lost-tracking",
            "alarm",
            f"Slates {where} are seen less than before",
            f"{loss.seen_share:.1%} were seen since the hour of {_utc(loss.since)}, "
            f"{loss.seen_share_before:.1%} before (p = {loss.p:.1g}).",
            "Look for a client that was changed then and loses its impressions.",
        )
    if (
        page.never_seen_share is not None
        and UNSEEN < page.never_seen_share < 1.0
        and offered >= LEAST_SLATES
    ):
        yield Finding(
            "seldom-seen",
            "warning",
            "Most slates are never seen",
            f"{page.never_seen_share:.0%} of the slates of the last hours have no impression.",
            "Ask for slates when they are shown, and check that each client sends impressions.",
        )


def _balance(checks: dict[str, BalanceCheck]) -> Iterator[Finding]:
    seen, offered, shares = (checks.get(name) for name in ("seen", "offered", "shares"))
    if seen is not None and seen.alarm:
        yield Finding(
            "balance-seen",
            "alarm",
            "Variants are not seen alike",
            f"Of the slates offered, variants differ in how many were seen, most in segment "
            f"{seen.segment} (p = {seen.p:.1g}): impressions of one are lost, or it is shown less.",
            "Do not read lifts. Look for a client that loses impressions in one variant.",
        )
    if offered is not None and offered.alarm:
        yield Finding(
            "balance-offered",
            "alarm",
            "Variants do not get the slates that chance owes them",
            f"Slates differ from what their logged shares say, most in segment {offered.segment} "
            f"(p = {offered.p:.1g}).",
            "Do not read lifts. Look for users whose ids change, or who are sent to one variant.",
        )
    elif shares is not None and shares.alarm:
        yield Finding(
            "shares",
            "warning",
            "Slates do not follow the shares of this policy file",
            f"They follow other shares (p = {shares.p:.1g}): the file has changed in the last "
            "hours, or another process has another file.",
            "Wait if it has changed; else give all serving processes the same file.",
        )


def _utc(at_s: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
