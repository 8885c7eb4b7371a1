"""What a period would be settled from now, what its published run was settled from, and how they differ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from medpool_etl.documents import Text
from medpool_etl.errors import StoreError
from medpool_etl.intake import Arrival
from medpool_etl.intake.looks import digest, remembered
from medpool_etl.periods import Period
from medpool_etl.pipeline.basis import Basis, basis_of, manifest_of
from medpool_etl.pipeline.done import done_before
from medpool_etl.pipeline.late import late_files
from medpool_etl.pipeline.plans import decided_plans, own_plans
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.breaks import Breaks
from medpool_etl.store.tables import PublicationEvent, Run
from medpool_etl.store.warehouse import write_json

# A delivery as it counts: contract, whose, content, which of the file, state, version. Its name does not.
Counted = tuple[str, str, str, int, str, int]


@dataclass(frozen=True)
class Inputs:
    """What a run is made from: ``files`` by what each counts as, with its name; ``basis`` what else it stands on; ``ahead`` whether only for
    what is due before its period is over."""

    files: dict[Counted, str]
    basis: dict[str, Any]
    ahead: bool = False

    @property
    def key(self) -> str:
        """A digest of all of it, the same for the same inputs."""
        return digest([sorted(self.files), self.basis])

    def part(self, contracts: Collection[str]) -> list[Any]:
        """Return what of it is of these contracts, and what people decided of plans."""
        return [sorted(counted for counted in self.files if counted[0] in contracts), self.basis.get("plans", [])]

    @property
    def active(self) -> set[tuple[str, str]]:
        """Contract and part of what counts."""
        return {(contract, part) for contract, part, _, _, state, _ in self.files if state == "active"}


@dataclass(frozen=True)
class Difference:
    """What became of the inputs since a run: ``late`` whether files came for closed months, ``gone`` the names of files that are no
    longer in the inbox and that nothing replaces, ``what`` each change in words."""

    what: tuple[Text, ...]
    late: bool
    gone: tuple[str, ...]


def inputs_of(arrivals: tuple[Arrival, ...], basis: dict[str, Any], own: set[str]) -> Inputs:
    """Return the inputs of a period as they are now. ``own`` are the contents that ever lay in its own folder: what nobody can
    recognise counts there, and not where it lies in the yearly folder, beside every period."""
    return _inputs([arrival.as_dict() for arrival in arrivals], basis, own)


def made_from(warehouse: Warehouse, city: str, period: Period, run_id: str, own: set[str]) -> Inputs | None:
    """Return the inputs a run was made from, or None where its folder is gone."""
    try:
        manifest = manifest_of(warehouse.locate(city, str(period), run_id))
    except StoreError:
        return None
    basis = Basis.of(manifest).as_dict() if period.kind == "month" else {"done": manifest.get("done", [])}
    return replace(_inputs(manifest["arrivals"], basis, own), ahead=bool(manifest.get("ahead")))


def basis_now(control: Control, warehouse: Warehouse, city: str, period: Period) -> dict[str, Any]:
    """Return what a run of the period stands on beside its files. A month's is worked out anew only when one of its parts changed."""
    done = done_before(control, city, period)
    if period.kind != "month":
        return {"done": done}
    name = str(period)
    stamp = digest(
        [
            done,
            [
                [d.break_id, d.month, d.state, d.amount_fen, d.by, d.note]
                for d in Breaks(control).decisions(city).values()
            ],
            [override.id for override in Breaks(control).overrides(city, name)],
            decided_plans(control, city, name),
            {of: [f.sha256 for f in files] for of, files in late_files(control, city, period.first_month).items()},
        ]
    )
    memory = warehouse.root / "looks" / city / f"{name}.basis.json"
    known = remembered(memory)
    if not known or known["of"] != stamp:
        known = {"of": stamp, "basis": basis_of(control, warehouse, city, period.first_month).as_dict()}
        write_json(memory, known)
    basis: dict[str, Any] = known["basis"]
    return basis


def newest_opened(control: Control, city: str, period: Period) -> str | None:
    """Return the run of a period that was begun last, whatever became of it, or None before the first."""
    query = sa.select(Run.run_id).where(Run.city == city, Run.month == str(period)).order_by(Run.opened_at.desc())
    with control.session() as session:
        return session.scalar(query.limit(1))


def times_published(control: Control, city: str, period: Period) -> int:
    """Return how often what a period publishes was switched."""
    counted = sa.select(sa.func.count()).select_from(PublicationEvent)
    with control.session() as session:
        return session.scalar(counted.where(PublicationEvent.city == city, PublicationEvent.month == str(period))) or 0


def difference(was: Inputs, now: Inputs) -> Difference:
    """Return what became of inputs; ``what`` is empty where nothing did that makes another run."""
    came = [name for counted, name in sorted(now.files.items()) if counted not in was.files]
    taken = {counted: name for counted, name in was.files.items() if counted not in now.files}
    gone = [name for (contract, part, *_), name in sorted(taken.items()) if (contract, part) in was.active - now.active]
    what = [Text(zh=f"新到 {name}", en=f"{name} came") for name in came]
    if taken and not came:
        names = "、".join(sorted(taken.values()))
        what.append(Text(zh=f"已移走 {names}", en=f"{names} was taken away"))
    what += _moved(was.basis, now.basis)
    late = [item for item in now.basis.get("adjusts", []) if item not in was.basis.get("adjusts", [])]
    what += [
        Text(
            zh=f"已结账的 {item['month']} 新到 {item['name']}",
            en=f"{item['name']} came for {item['month']}, which is closed",
        )
        for item in late
    ]
    for part, zh, en in (
        ("decisions", "差异的处理意见有变", "what people said of breaks changed"),
        ("override", "有新的放行决定", "somebody decided to let it pass the gate"),
        ("plans", "用款计划的核定数有变", "what is granted of funding plans changed"),
    ):
        if digest(was.basis.get(part)) != digest(now.basis.get(part)):
            what.append(Text(zh=zh, en=en))
    return Difference(tuple(what), bool(late), tuple(gone))


def _moved(was: dict[str, Any], now: dict[str, Any]) -> list[Text]:
    """Return what was published before the period since its run, or anew."""
    before = {item["period"]: item["run_id"] for item in was.get("done", [])}
    moved = [item["period"] for item in now.get("done", []) if before.get(item["period"]) != item["run_id"]]
    carries = now.get("carries")
    if carries and carries != was.get("carries") and carries["month"] not in moved:
        moved.append(carries["month"])
    return [Text(zh=f"{period} 已（重新）发布", en=f"{period} was published since") for period in moved]


def _inputs(arrivals: list[dict[str, Any]], basis: dict[str, Any], own: set[str]) -> Inputs:
    files: dict[Counted, str] = {}
    for item in arrivals:
        contract = item["shape"]["contract"] if item["shape"] else ""
        if contract or item["sha256"] in own:
            counted = (contract, item["part"], item["sha256"], item.get("index", 0), item["state"], item["version"])
            files[counted] = item["name"]
    # What stands of an earlier run follows from it: it is no input of its own.
    return Inputs(files, basis | {"plans": own_plans(basis["plans"])} if "plans" in basis else basis)
