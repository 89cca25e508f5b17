"""Names that several parts must agree on."""

from streams.config import Settings

COUNTS_TABLE, SLATES_TABLE = "counts", "slates"


def changelog_topics(settings: Settings) -> tuple[str, str]:
    """The changelogs of counts and slates, as Faust names them: `{app id}-{table}-changelog`."""
    return (
        f"{app_id(settings)}-{COUNTS_TABLE}-changelog",
        f"{app_id(settings)}-{SLATES_TABLE}-changelog",
    )


def serving_group(settings: Settings) -> str:
    """The consumer group of the processes that answer."""
    return f"{app_id(settings)}-serving"


def app_id(settings: Settings) -> str:
    """Faust's app id, which is also the consumer group: the group, behind the topic prefix, so that
    two prefixes share nothing.
    """
    return f"{settings.topic_prefix}{settings.group}"
