"""Write a month of rehearsal files and the record of what was planted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.places import load_accounts, load_city
from medpool_etl.simulator.banking import settle_year
from medpool_etl.simulator.expected import Before, Expected
from medpool_etl.simulator.faults import FAULTS
from medpool_etl.simulator.files import wage_file, write, yuan
from medpool_etl.simulator.orders import Order
from medpool_etl.simulator.profile import fen, load_profile
from medpool_etl.simulator.sequels import after_faults, apply_before
from medpool_etl.simulator.statements import closing_balances, settle_statements
from medpool_etl.simulator.world import World, build
from medpool_etl.simulator.year import YearWorld, build_year
from medpool_etl.store.settings import YEARLY
from medpool_etl.store.warehouse import read_json, whole, write_json

# How many receipts nothing is wrong with the next month may speak of again.
_SAMPLES = 200


@dataclass(frozen=True)
class Simulation:
    """What was written: the month's folder, the record beside it, file names by key, and what must be found."""

    folder: Path
    record: Path
    names: dict[str, str]
    expected: Expected


def simulate(
    city: str,
    month: Month,
    inbox: Path,
    *,
    seed: int = 1,
    scale: int = 1,
    faults: Sequence[str] = (),
    cures: bool = True,
    year: bool = False,
    orders: Sequence[Order] | None = None,
) -> Simulation:
    """Write the month's files into ``<inbox>/<city>/<month>``, which they replace, and ``<month>.simulation.json`` beside.

    Where the month before was simulated, this one begins with its balances and, with ``cures``, brings what ends the breaks
    planted in it: the late booking, the correction, the missing transfer. With ``year`` it is a month of a whole year: premiums,
    subsidies and expenditure follow the year's plan, and the lists of plans, enrolment, subsidies and other income come too.
    ``orders`` are the instructed transfers that fall due in it: it executes them, and is then always a month of a year. The same
    arguments after the same months give the same bytes. Raises InputError for a fault medpool cannot plant (in this city), or one
    that makes a file useless together with others, for an order about an account that is not registered, for a city without an
    entry in ``cities.yaml``, and for a folder that holds files the simulator did not write.
    """
    for name in faults:
        if name not in FAULTS:
            raise InputError(f"there is no fault {name!r}", expected=f"some of {', '.join(FAULTS)}")
    alone = [name for name in faults if FAULTS[name].whole_file]
    if alone and len(faults) > 1:
        raise InputError(f"{alone[0]} makes a whole file useless, so it hides others", do=f"plant {alone[0]} alone")
    if scale < 1:
        raise InputError(f"the scale is {scale}", expected="a whole number from 1")
    place, accounts, profile = load_city(city), load_accounts(city), load_profile(city)
    if faults and not profile.faults:
        raise InputError(
            f"no faults can be planted in {city}", do="plant them in a city whose entry in cities.yaml has faults: true"
        )
    folder = inbox / city / str(month)
    record = inbox / city / f"{month}.simulation.json"
    before = _before(inbox / city / f"{month.plus(-1)}.simulation.json")
    if before is None and (sequels := [name for name in faults if FAULTS[name].sequel]):
        raise InputError(f"{sequels[0]} is about the month before", do=f"simulate {city} {month.plus(-1)} first")
    balances = before.balances if before else None
    year = year or orders is not None
    world: World
    if year or not profile.faults:
        world = build_year(place, month, accounts, profile, seed, scale, balances, orders or (), year)
    else:
        world = build(place, month, accounts, seed, scale, balances)
    expected = Expected(month=str(month))
    if before:
        apply_before(world, expected, before, cures)
    for name in faults:
        FAULTS[name].plant(world, expected)
    if isinstance(world, YearWorld):
        settle_year(world)
    else:
        settle_statements(world)
    after_faults(world, expected)
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if strange := there - set(read_json(record).get("written", ()) if record.is_file() else ()):
        raise InputError(
            f"the inbox folder holds files medpool did not simulate: {'、'.join(sorted(strange))}",
            where=str(folder),
            do="rehearse in a MEDPOOL_DATA of its own; or take these files away, for the folder is replaced",
        )
    fresh = folder.with_name(f".{month}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    names = write(world, fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    yearly = folder.with_name(YEARLY)
    for name, data in wage_file(month.year - 1, fen(profile.average_wage)).items():
        if not (yearly / name).exists():
            with whole(yearly / name) as temporary:
                temporary.write_bytes(data)
    untouched = [row.values for row in world.tax if "touched" not in row.values and not row.texts and not row.cut]
    step = max(1, len(untouched) // _SAMPLES)
    left = Before(
        closing_balances(world),
        [item for item in expected.breaks if item.stays],
        expected.cures,
        [{**values, "payer_id": ""} for values in untouched[::step][:_SAMPLES]],
    )
    write_json(
        record,
        _record(city, month, seed, scale, faults, names, expected)
        | {"written": sorted(names.values()), "next": left.as_dict()},
    )
    return Simulation(folder, record, names, expected)


def _before(record: Path) -> Before | None:
    known = read_json(record).get("next") if record.is_file() else None
    return Before.from_dict(known) if known else None


def _record(
    city: str, month: Month, seed: int, scale: int, faults: Sequence[str], names: dict[str, str], expected: Expected
) -> dict[str, object]:
    return {
        "city": city,
        "month": str(month),
        "seed": seed,
        "scale": scale,
        "faults": [{"name": name, "zh": FAULTS[name].zh, "en": FAULTS[name].en} for name in faults],
        "expected": {
            "rows_set_aside": [
                {"file": names[contract], "row": row.row_no, "checks": list(checks)}
                for contract, row, checks in expected.aside
            ],
            "rows_warned": [
                {"file": names[contract], "row": row.row_no, "check": check} for contract, row, check in expected.warned
            ],
            "breaks": [
                {
                    "pair": pair,
                    "class": cls,
                    "owner": owner,
                    "since": origin,
                    "count": len(fen),
                    "difference_yuan": yuan(sum(fen)),
                }
                for (pair, cls, owner, origin), fen in sorted(_grouped(expected).items())
            ],
            "matched": [
                {"pair": pair, "pass": name, "count": count} for (pair, name), count in sorted(expected.matched.items())
            ],
            "files": [{"file": names[key], "outcome": outcome} for key, outcome in sorted(expected.files.items())],
        },
    }


def _grouped(expected: Expected) -> dict[tuple[str, str, str, str], list[int]]:
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for item in expected.breaks:
        groups.setdefault((item.pair, item.cls, item.owner, item.origin), []).append(item.fen)
    return groups
