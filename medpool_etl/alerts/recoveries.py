"""Say how breaks ended that somebody was told of."""

from __future__ import annotations

from collections.abc import Iterable

from medpool_etl.alerts.message import Recovery, item, quoted
from medpool_etl.money import FEN
from medpool_etl.periods import Month
from medpool_etl.places import City
from medpool_etl.policy import load_break_classes, load_rulebook
from medpool_etl.store.told import Ended

_PROGRAM = "medpool"


def recoveries(city: City, ended: Iterable[Ended]) -> tuple[Recovery, ...]:
    """Return what there is to say of breaks that ended, named as the rulebook of the city names them now."""
    found = tuple(ended)
    if not found:
        return ()
    pairs, classes = load_rulebook(city.city).pairs, load_break_classes()
    counties = {unit.code: unit.name.zh for unit in city.units}
    told = []
    for end in found:
        row = end.row
        # A pair or class of years ago may have left the documents since; its id still says what it was.
        pair = pairs[row.pair].title.zh if row.pair in pairs else row.pair
        kind = classes[row.break_class].title.zh if row.break_class in classes else row.break_class
        place = counties.get(row.county, city.name.zh)
        told.append(
            Recovery(
                owner=row.owner,
                subject=row.break_id,
                whats=(end.what,),
                name=f"{Month.parse(row.month).zh} {pair}：{kind}，{place} {item(row.item_key)}",
                difference=row.amount_fen * FEN,
                how=_how(end),
            )
        )
    return tuple(told)


def _how(end: Ended) -> str:
    """Return how a break ended, and by whom where a person said so."""
    row = end.row
    said = f"{quoted(end.by)}，{quoted(row.note)}"
    if row.state == "explained":
        return f"已说明（{said}）"
    state = "已更正" if row.state == "corrected" else "已核销"
    if end.by != _PROGRAM:
        return f"{state}（{said}）"
    if row.state == "corrected":
        return f"{state}：重新报送后消失"
    return f"{state}：由{Month.parse(row.ended_in).zh if row.ended_in else '后来'}的款项核清"
