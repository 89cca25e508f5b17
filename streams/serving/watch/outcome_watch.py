"""OutcomeWatch: looks at outcomes by itself, so that a comparison that is worth nothing raises an
alarm whether or not anybody looks.
"""

import time
from collections.abc import Sequence

from bandits.slates.variants import PolicyFile
from streams.contract.health import Finding
from streams.contract.outcomes_page import OutcomesPage
from streams.metrics import ServingMetrics
from streams.serving.watch.outcome_report import Options, report
from streams.serving.watch.outcomes_view import OutcomesView

EVERY_S = 20.0


class OutcomeWatch:
    """`refresh` now and then; `findings` are what the last one found.

    Parameters
    ----------
    view, policy_file, metrics
        Of the process.
    """

    def __init__(
        self, view: OutcomesView, policy_file: PolicyFile, metrics: ServingMetrics
    ) -> None:
        self.findings: Sequence[Finding] = ()
        self._view = view
        self._policy_file = policy_file
        self._metrics = metrics
        self._next_s = 0.0

    def due(self, now_s: float) -> bool:
        """Whether `refresh` is due."""
        return now_s >= self._next_s

    def refresh(self, now_s: float) -> None:
        """Look again; takes some milliseconds to some hundred."""
        began = time.perf_counter()
        self.findings = self.page(Options(), now_s).findings
        alarms = sum(each.level == "alarm" for each in self.findings)
        self._metrics.outcome_alarms.set(alarms)
        self._next_s = now_s + max(EVERY_S, 20 * (time.perf_counter() - began))

    def page(self, options: Options, now_s: float) -> OutcomesPage:
        """All that is said of outcomes; any thread may ask."""
        return report(self._view.outcomes(), self._policy_file, options, now_s)
