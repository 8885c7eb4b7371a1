"""Who approved or rejected what is reviewed, from the control database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

import pyarrow as pa

from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.store.control import Published
from medpool_etl.store.tables import Approval

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("city", "month", "run_id", "review", "review_title", "asked", "clause")),
        *((name, pa.string()) for name in ("decision", "decided_how", "decided_by", "decision_note", "makers")),
        ("decided_at", pa.timestamp("us")),
        ("figures_digest", pa.string()),
        ("of_published_run", pa.bool_()),
    ]
)


def approvals_table(rows: Iterable[Approval], published: Iterable[Published]) -> pa.Table:
    """Return decisions as an Arrow table with the columns of ``SCHEMA`` (moments in UTC), in the order they were made.

    Titles and clauses are those of the rulebooks now; a review that is no longer in one keeps its name.
    """
    current = {(item.city, item.month): item.run_id for item in published}
    books = {city: load_rulebook(city) for city in rulebooks()}
    found = []
    for row in rows:
        review = books[row.city].reviews.get(row.review) if row.city in books else None
        moment = row.made_at if row.made_at.tzinfo else row.made_at.replace(tzinfo=dt.UTC)
        found.append(
            {
                "city": row.city,
                "month": row.month,
                "run_id": row.run_id,
                "review": row.review,
                "review_title": review.title.zh if review else row.review,
                "asked": ACTORS[review.by].zh if review else None,
                "clause": books[row.city].cite(review.clause) if review else None,
                "decision": row.decision,
                "decided_how": row.how,
                "decided_by": row.by,
                "decision_note": row.reason,
                "makers": "、".join(json.loads(row.makers)),
                "decided_at": moment.astimezone(dt.UTC).replace(tzinfo=None),
                "figures_digest": row.digest,
                "of_published_run": current.get((row.city, row.month)) == row.run_id,
            }
        )
    return pa.Table.from_pylist(found, schema=SCHEMA)
