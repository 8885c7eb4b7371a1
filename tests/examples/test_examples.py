"""Every example of this folder: facts, rule, expected table. They are what `medpool what-if` takes, and double as documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpool_etl import documents
from medpool_etl.errors import MedpoolError
from medpool_etl.money import plain
from medpool_etl.pipeline.what_if import Question, ask
from medpool_etl.settlement import STEPS

FOLDER = Path(__file__).parent
EXAMPLES = sorted(FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(FOLDER).with_suffix("").as_posix())
def test_facts_give_what_the_example_says(path: Path) -> None:
    """The transfers are exactly those the example lists, and so are what is unfunded and the figures it names."""
    question = documents.load(path, Question)
    if question.error:
        with pytest.raises(MedpoolError, match=question.error):
            ask(path)
        return
    outcome = ask(path).outcome
    if question.expected is not None:
        actual = {(t.county, t.step, t.payer.role, t.receiver.role, plain(t.amount)) for t in outcome.transfers}
        assert actual == {(e.county, e.step, e.payer, e.receiver, e.amount) for e in question.expected}
        assert len(outcome.transfers) == len(question.expected)
    assert {item.county: plain(item.amount) for item in outcome.unfunded} == question.unfunded
    shown = {
        " ".join(filter(None, (line.step, line.county))): line.value for line in (*outcome.figures, *outcome.working)
    }
    assert question.figures.items() <= shown.items()
    assert question.expected is not None or question.figures, "an example says what must come out"
    assert {transfer.step for transfer in outcome.transfers} <= set(STEPS), "a step has a name people read"
