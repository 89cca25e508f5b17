"""What is said of variants, over HTTP and by the command line: frozen structs."""

from msgspec import Struct

from streams.contract.health import Finding


class Estimate(Struct, frozen=True):
    """A figure, and what it may be with 95%."""

    estimate: float
    low: float
    high: float

    def text(self) -> str:
        """`0.1230 (0.1100 to 0.1360)`."""
        return f"{self.estimate:.4f} ({self.low:.4f} to {self.high:.4f})"


class LiftOf(Struct, frozen=True):
    """A figure relative to the control's, less 1, and what it may be with 95%; `p` is null where
    the interval holds at every look.
    """

    lift: float
    low: float
    high: float
    p: float | None

    def text(self) -> str:
        """`+12.3% (+4.0% to +21.0%)`."""
        return f"{self.lift:+.1%} ({self.low:+.1%} to {self.high:+.1%})"


class VariantOutcome(Struct, frozen=True):
    """One variant over the whole period. `share` is null where the policy file does not name it.

    `rates` are per impression (`click_rate`), per slate that was seen (`clicks_per_slate`,
    `clicked_share`, `conversions_per_slate`, `value_per_slate`) and per slate offered
    (`seen_share`); `lift` has those that can be compared with the control's. Slates of users whom
    the file names are `forced`, and in no other figure. `explored_share` of places had an item
    that the posterior-mean slate would not show; `given_up` are clicks that it would have got
    more, expected.
    """

    variant: str
    share: float | None
    holdback: bool
    policy_versions: list[str]
    forced: int
    offered: int
    seen: int
    clicked: int
    impressions: int
    clicks: int
    conversions: int
    value: float
    rates: dict[str, Estimate]
    lift: dict[str, LiftOf]
    explored_share: float | None
    given_up: float


class HourOutcome(Struct, frozen=True):
    """Slates that were offered in one hour, and what has become of them since; `hour` is its
    beginning.
    """

    hour: float
    variant: str
    policy_version: str
    forced: bool
    offered: int
    seen: int
    clicked: int
    impressions: int
    clicks: int
    conversions: int
    value: float


class BalanceCheck(Struct, frozen=True):
    """`check` is offered (against logged propensities), shares (offered, against the policy file)
    or seen (against offered). An alarm: `p` is below 0.001. `segment` is the worst one.
    """

    check: str
    p: float
    alarm: bool
    statistic: float
    dof: int
    design_effect: float
    segment: str | None


class BalanceCell(Struct, frozen=True):
    """Slates of one variant in one segment, and how many they should be."""

    segment: str
    variant: str
    offered: int
    offered_expected: float
    seen: int
    seen_expected: float


class TrackingLoss(Struct, frozen=True):
    """A segment whose slates are seen less since an hour; "" is all segments together."""

    segment: str
    since: float
    seen_share_before: float
    seen_share: float
    p: float


class ExplorationRow(Struct, frozen=True):
    """What exploring cost in one hour and segment."""

    hour: float
    segment: str
    slates: int
    clicks: int
    explored_share: float | None
    given_up: float


class OutcomesPage(Struct, frozen=True):
    """What became of slates, by variant. `control` is what the others are compared with; `unit`
    says what intervals take for independent. Balance, tracking and exploration are of the last
    48 hours at most.
    """

    ts: float
    since: float
    control: str
    unit: str
    sequential: bool
    variants: list[VariantOutcome]
    balance: list[BalanceCheck]
    cells: list[BalanceCell]
    tracking: list[TrackingLoss]
    never_seen_share: float | None
    exploration: list[ExplorationRow]
    hours: list[HourOutcome]
    findings: list[Finding]
