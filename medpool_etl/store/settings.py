"""Settings, from environment variables; every one has a default that works on one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medpool_etl.errors import ConfigurationError


def project_root() -> Path:
    """Return the folder that holds ``sql/`` and ``expectations/``: MEDPOOL_HOME, else the checkout this file is in."""
    root = Path(os.environ.get("MEDPOOL_HOME", Path(__file__).resolve().parents[2]))
    if not (root / "sql").is_dir() or not (root / "expectations").is_dir():
        raise ConfigurationError(
            "the folder has no sql/ and expectations/", where=str(root), do="set MEDPOOL_HOME to the medpool checkout"
        )
    return root


# The inbox folder beside the months' for files that come once a year or once for all.
YEARLY = "yearly"


@dataclass(frozen=True)
class Settings:
    """Where medpool reads and writes.

    ``data`` (MEDPOOL_DATA, default ``var`` in the checkout) holds everything by default: ``inbox`` (MEDPOOL_INBOX) with
    a folder ``<city>/<month>`` each month, ``warehouse`` (MEDPOOL_WAREHOUSE), and the control database
    (MEDPOOL_CONTROL_URL, an SQLAlchemy address). ``alert_urls`` (MEDPOOL_ALERT_URLS, or the file that
    MEDPOOL_ALERT_URLS_FILE names, one a line) are Apprise addresses; none means alerts go to the log only.

    ``unattended`` (MEDPOOL_UNATTENDED) says, in a sentence, by whose order nobody is asked to approve what is reviewed: a rehearsal, a
    test, a backfill of what was settled long ago. It is recorded with every approval it stands for. Empty, people approve.
    ``reviewers`` (MEDPOOL_REVIEWERS, ``finance:zhao,qian agency:li``) names who may give the word an actor of the rulebooks is asked for; an
    actor that is not there may be answered for by everybody who had no hand in the figures.
    """

    data: Path
    inbox: Path
    warehouse: Path
    control_url: str
    alert_urls: tuple[str, ...]
    unattended: str = ""
    reviewers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Settings:
        """Read the environment; raises ConfigurationError for a secrets file that cannot be read."""
        data = Path(os.environ.get("MEDPOOL_DATA") or project_root() / "var").resolve()
        return cls(
            data=data,
            inbox=Path(os.environ.get("MEDPOOL_INBOX") or data / "inbox").resolve(),
            warehouse=Path(os.environ.get("MEDPOOL_WAREHOUSE") or data / "warehouse").resolve(),
            control_url=os.environ.get("MEDPOOL_CONTROL_URL") or f"sqlite:///{data / 'control.sqlite'}",
            alert_urls=_alert_urls(),
            unattended=" ".join(os.environ.get("MEDPOOL_UNATTENDED", "").split()),
            reviewers=_reviewers(os.environ.get("MEDPOOL_REVIEWERS", "")),
        )

    def month_inbox(self, city: str, month: object) -> Path:
        """Return the folder a month's files are put into: ``<inbox>/<city>/<month>``."""
        return self.inbox / city / str(month)


def _reviewers(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split():
        actor, _, names = part.partition(":")
        people = tuple(name for name in names.split(",") if name)
        if not actor or not people:
            raise ConfigurationError(
                f"{part!r} names nobody",
                where="MEDPOOL_REVIEWERS",
                expected="ACTOR:NAME,NAME …, such as finance:zhao,qian agency:li",
            )
        found[actor] = (*found.get(actor, ()), *people)
    return found


def _alert_urls() -> tuple[str, ...]:
    text = os.environ.get("MEDPOOL_ALERT_URLS", "")
    if name := os.environ.get("MEDPOOL_ALERT_URLS_FILE"):
        try:
            text += "\n" + Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot be read: {error.strerror}", where=f"MEDPOOL_ALERT_URLS_FILE = {name}"
            ) from error
    return tuple(text.split())
