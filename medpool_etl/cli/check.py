"""``medpool check``: every document against its schema and the others, before a month meets a mistake."""

from __future__ import annotations

from medpool_etl import pipeline
from medpool_etl.cli import render
from medpool_etl.contracts import load_all
from medpool_etl.documents import own_documents, own_folder
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.policy import rulebooks
from medpool_etl.settlement import city_gaps
from medpool_etl.simulator import rehearsed_cities


def check() -> None:
    """Read every rulebook, supplement, contract, calendar, place and suite, and name the first mistake by file, line and key.

    Rulebooks must be whole, with and without each supplement there is: every rule of a known kind, with its values, readings and
    deadlines, and nothing that no rule uses. The documents of one's own (MEDPOOL_CONFIG) are listed; one that replaces nothing is a mistake."""
    if gaps := [gap for city in rulebooks() for gap in city_gaps(city)]:
        raise ConfigurationError(
            "\n".join(gaps), expected="rulebooks, supplements and places that are whole", do="mend what each line names"
        )
    for city in rulebooks():
        agreed = Agreed.load(city)
        agreed.fingerprints()
        pipeline.verify(agreed, Month.of(agreed.rulebook.notice.in_force_from))
    rehearsed_cities()
    own, unread = own_documents()
    if unread:
        raise ConfigurationError(
            f"nothing reads {', '.join(unread)}",
            where=f"MEDPOOL_CONFIG = {own_folder()}",
            expected="the folder and name of a shipped document, such as places/taizhou.accounts.yaml",
            do="give the file its right name, or take it away",
        )
    render.say(f"All documents are in order: {len(load_all())} contracts, {len(rulebooks())} rulebooks.")
    if own:
        render.say(f"本单位文件 Your own: {', '.join(own)}")
