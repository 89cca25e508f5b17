"""What `slatestream doctor` looks at: one small check per concern, each with what it found and what
to do.

    settings -> policy file -> disk -> broker -> topics -> partitions -> group -> rights -> events
    -> releases

Checks that need the broker are left out when it does not answer; the report says so.
"""

from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.commands import checks_here, checks_there
from streams.commands.findings import BAD, CARE, Finding, one_line
from streams.config import Settings, SettingsError
from streams.kafka.client import BrokerUnreachable, connect
from streams.kafka.rights import denied

LOCAL_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    checks_here.check_settings,
    checks_here.check_policy_file,
    checks_here.check_disk,
)
BROKER_CHECKS: tuple[Callable[[Settings, AdminClient], Iterator[Finding]], ...] = (
    checks_there.check_broker,
    checks_there.check_topics,
    checks_there.check_partitions,
    checks_there.check_group,
    checks_there.check_rights,
    checks_there.check_events,
    checks_there.check_releases,
)


def examine(settings: Settings) -> list[Finding]:
    """Every check in order; one that fails in a way of its own is a finding too."""
    findings = [each for check in LOCAL_CHECKS for each in _looked(check, settings)]
    try:
        admin = connect(settings)
    except (BrokerUnreachable, SettingsError, KafkaException) as error:
        text, _, remedy = one_line(error).partition("; ")
        unseen = Finding(
            ", ".join(_name(check) for check in BROKER_CHECKS[1:]),
            CARE,
            "not looked at: no broker",
            "mend the broker first",
        )
        return [*findings, Finding("broker", BAD, text, remedy), unseen]
    return findings + [each for check in BROKER_CHECKS for each in _looked(check, settings, admin)]


def _looked(check: Callable[..., Iterator[Finding]], *arguments: Any) -> Iterator[Finding]:
    """What a check finds; what it raises is its last finding, and the others go on."""
    try:
        yield from check(*arguments)
    except Exception as error:  # whatever it is, the other checks are worth having
        remedy = "see the ACLs in docs/operations.md" if denied(error) else "mend that, look again"
        yield Finding(_name(check), BAD, one_line(error), remedy)


def _name(check: Callable[..., Iterator[Finding]]) -> str:
    return check.__name__.removeprefix("check_").replace("_", " ")
