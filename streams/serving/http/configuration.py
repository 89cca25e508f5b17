"""Configuration over HTTP: settings and versions in force, and what has changed."""

import asyncio
import platform
import time
from importlib.metadata import version
from typing import Any

from aiohttp import web

import streams
from streams.config import Settings
from streams.contract.http import Change, Changes, SegmentFieldsPage, SettingRow, SettingsPage
from streams.serving.builder import Builder
from streams.serving.field_words import fields_page
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, answer
from streams.serving.http.problems import ProblemError
from streams.serving.http.segments import state_of
from streams.settings import SETTINGS

PACKAGES = ("aiohttp", "confluent-kafka", "msgspec", "numpy")
HIDDEN = "set, and not told"


class Configuration:
    """The handlers; `settings` and `builder` are those of the process."""

    def __init__(self, settings: Settings, builder: Builder) -> None:
        self._settings = settings
        self._builder = builder
        self._started_s = time.time()

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/settings",
                self.settings,
                "Settings and versions of this process; no secrets",
                Access.FULL,
                answer=SettingsPage,
            ),
            Endpoint(
                "GET",
                "/v1/settings/segments",
                self.segments,
                "Which context fields segments are served apart by, and why",
                Access.FULL,
                answer=SegmentFieldsPage,
                problems=(503,),
            ),
            Endpoint(
                "GET",
                "/v1/changes",
                self.changes,
                "What has changed what is shown: releases, policies, starts",
                Access.FULL,
                answer=Changes,
                problems=(503,),
            ),
        ]

    async def settings(self, _request: web.Request) -> web.Response:
        """GET /v1/settings."""
        config = self._builder.config
        versions = {
            "slatestream": streams.__version__,
            "policy file": config.version,
            "policy": config.policy,
            "encoder": self._builder.embeddings.encoder or "none",
            "Python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        }
        return answer(SettingsPage(setting_rows(self._settings), versions))

    async def segments(self, _request: web.Request) -> web.Response:
        """GET /v1/settings/segments."""
        state = state_of(self._builder)
        return answer(fields_page(self._builder.config, state.world.learned, state.fields))

    async def changes(self, _request: web.Request) -> web.Response:
        """GET /v1/changes."""
        embeddings = self._builder.embeddings
        try:
            found = await asyncio.to_thread(embeddings.assembly.decisions)
        except RuntimeError:
            msg = "a release came while they were gone through; try again in a moment"
            raise ProblemError(503, msg) from None
        changes = [
            Change(
                release.created_s,
                "release",
                release.version,
                f"{decision.state}: {decision.reason}" if decision.reason else decision.state,
            )
            for release, decision in found
        ]
        text = f"policy {self._builder.config.policy}, policy file {self._builder.config.version}"
        changes.append(Change(self._started_s, "start", streams.__version__, text))
        changes.sort(key=lambda change: -change.ts)
        return answer(Changes(changes))


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting, those that are not as shipped first."""
    rows = []
    for each in SETTINGS:
        value = getattr(settings, each.field)
        changed = value != (each.kind(each.default) if each.default is not None else None)
        text = (HIDDEN if value else "") if each.secret else _text(value)
        rows.append(SettingRow(each.name, text, changed, each.help))
    return sorted(rows, key=lambda row: not row.changed)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
