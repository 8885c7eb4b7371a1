"""Everything agreed that a month of a city is settled with, loaded once, and its fingerprint."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from medpool_etl import documents
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.contracts import Contract, checks_of, load_all
from medpool_etl.ledger import Moves, Postings, load_moves, load_postings
from medpool_etl.marts import Registry, load_registry
from medpool_etl.periods import Month, Period
from medpool_etl.places import FUNDS, Accounts, City, load_accounts, load_city
from medpool_etl.policy import (
    BreakClass,
    Rulebook,
    Subject,
    load_break_classes,
    load_rulebook,
    load_subjects,
    supplements_in_force,
)
from medpool_etl.policy.model import GATES, OWNERS
from medpool_etl.quality import suite_path
from medpool_etl.reconciliation import MODELS, PASSES
from medpool_etl.store.models import model_paths

# What every city's figures are made of: what its counties spent, and what its accounts hold.
_EVERYWHERE = {"county_expenditure_report", "account_statement"}


@dataclass(frozen=True)
class Agreed:
    """The documents of one city, read and checked."""

    city: City
    accounts: Accounts
    rulebook: Rulebook
    contracts: dict[str, Contract]
    subjects: tuple[Subject, ...]
    classes: dict[str, BreakClass]
    calendar: WorkingCalendar
    postings: Postings
    moves: Moves
    registry: Registry
    report_items: dict[str, str]

    @classmethod
    def load(cls, city: str) -> Agreed:
        """Read everything; raises ConfigurationError naming file, key and line of the first mistake."""
        rulebook = load_rulebook(city)
        contracts = load_all()
        return cls(
            city=load_city(city),
            accounts=load_accounts(city),
            rulebook=rulebook,
            contracts=contracts,
            subjects=load_subjects(),
            classes=load_break_classes(),
            calendar=WorkingCalendar.load(),
            postings=load_postings(),
            moves=load_moves(),
            registry=load_registry(),
            report_items=contracts["county_expenditure_report"].by_name["item"].values or {},
        )

    @property
    def remittance_rule(self) -> str:
        """The id of the city's rule by which premiums leave the treasury every month, or "" where they take another way."""
        return next((name for name, rule in self.rulebook.rules.items() if rule.kind == "remittance"), "")

    @property
    def awaited(self) -> dict[str, Contract]:
        """The kinds of files the city's offices must send, by name: what a pair of its rulebook compares, and what every city's
        figures are made of. Others may not come at all: where agencies levy onto income accounts, tax and treasury list nothing."""
        sides = [side for pair in self.rulebook.pairs.values() for side in (pair.left, pair.right)]
        needed = {side.contract for side in sides} | _EVERYWHERE
        return {name: contract for name, contract in self.contracts.items() if name in needed}

    def serving(self, period: Period) -> Agreed:
        """Return it for a period: a quarter, an opening and a clearing take only what does not come by the month."""
        if period.kind == "month":
            return self
        serving = {name: contract.expected.serving(period) for name, contract in self.contracts.items()}
        kept = {
            name: contract.model_copy(update={"expected": serving[name]})
            for name, contract in self.contracts.items()
            if serving[name] is not None
        }
        return replace(self, contracts=kept)

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of everything agreed, by what it is: a run is named by these and its inputs."""
        city = self.city.city
        groups: dict[str, list[Path]] = {
            "rulebook": [
                documents.find(f"policy/rulebooks/{city}.yaml"),
                documents.find(f"policy/deadlines/{city}.yaml"),
                *(documents.find(f"policy/supplements/{name}.yaml") for name in supplements_in_force(city)),
            ],
            "policy": [documents.find("policy/subjects.yaml"), documents.find("policy/break_classes.yaml")],
            "places": [documents.find(f"places/{city}.yaml"), documents.find(f"places/{city}.accounts.yaml")],
            "contracts": documents.find_all("contracts"),
            "suites": [suite_path(contract) for contract in self.contracts.values()],
            "models": model_paths(),
            "postings": [documents.find("ledger/postings.yaml"), documents.find("ledger/moves.yaml")],
            "tables": [documents.find("marts/tables.yaml")],
        }
        return {"calendar": self.calendar.fingerprint, "program": _program()} | {
            name: documents.fingerprint(*paths) for name, paths in groups.items()
        }


@functools.cache
def _program() -> str:
    """Return the digest of the code that makes results, and the versions of the engines under it: a mended fault makes
    another run even before medpool's own version moves."""
    digest = hashlib.sha256(f"{duckdb.__version__} {pa.__version__} {pd.__version__}".encode())
    for path in sorted(path for path in documents.PACKAGE.rglob("*") if path.suffix in (".py", ".css", ".js")):
        room = path.relative_to(documents.PACKAGE).parts[0]
        if room not in ("cli", "simulator", "alerts"):
            digest.update(path.relative_to(documents.PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def run_id(city: str, month: Month | Period, version: str, fingerprints: dict[str, str], inputs: list[Any]) -> str:
    """Return the name of a run: 16 hex digits of a digest over all that goes into it."""
    text = json.dumps([city, str(month), version, fingerprints, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def references(agreed: Agreed, month: Month) -> dict[str, pa.Table]:
    """Return the reference tables every session over a month of the city has, by name."""
    units = agreed.city.units_on(month.last_day)
    rulebook = agreed.rulebook
    return {
        "counties": _table([{"code": u.code, "name": u.name.zh, "tax_office": u.tax_office} for u in units]),
        # Those that ceased, too: what is of before a merger names them, and who inherits them stands in successors.
        "units": _table([{"code": u.code} for u in agreed.city.units]),
        "successors": _table(
            [{"code": u.code, "heir": agreed.city.heir(u.code, month.last_day)} for u in agreed.city.units]
        ),
        "readings": _table([{"name": n, "value": r.value} for n, r in rulebook.readings.items()], ("name", "value")),
        "rule_kinds": _table(
            [{"rule_id": n, "kind": rule.kind} for n, rule in rulebook.rules.items()], ("rule_id", "kind")
        ),
        "clearing_pot": _table(
            [{"pot": c.shared.pot, "keeps_surpluses": str(c.surplus is None)} for c in (rulebook.clearing,) if c],
            ("pot", "keeps_surpluses"),
        ),
        "tax_offices": _table([{"code": unit.tax_office} for unit in units]),
        "subjects": _table([{"code": s.code, "fund": s.fund, "kind": s.kind} for s in agreed.subjects]),
        "funds": _table([{"fund": fund, "name": text.zh} for fund, text in FUNDS.items()]),
        "owners": _table([{"owner": owner, "title": text.zh} for owner, text in OWNERS.items()]),
        "accounts": _table(
            [
                {
                    "number": a.number,
                    "name": a.name,
                    "kind": a.kind,
                    "fund": a.fund,
                    "county": a.unit,
                    "purpose": a.purpose,
                    "within": a.within,
                }
                for a in agreed.accounts.accounts
            ],
        ),
        "interest_remarks": _table([{"remark": remark} for remark in agreed.accounts.interest_remarks]),
        "return_remarks": _table([{"remark": remark} for remark in agreed.accounts.return_remarks], ("remark",)),
        "pairs": _table(
            [
                {
                    "pair": name,
                    "position": position,
                    "title": pair.title.zh,
                    "clause": f"{rulebook.notice.number} {rulebook.clauses[pair.clause].source}（{pair.clause}）",
                    "scope": pair.scope,
                    "funds": list(pair.funds),
                    "model": pair.model or name,
                    "needs": pair.needs,
                    "within_days": pair.within_days,
                    "carries": pair.carries,
                    "shared_numbers": MODELS[pair.model or name].numbers == "shared",
                    "own_numbers": MODELS[pair.model or name].numbers == "own",
                    "shortfall_class": pair.shortfall,
                    "surplus_class": pair.surplus,
                    "left_title": pair.left.title.zh,
                    "left_owner": pair.left.owner,
                    "left_contract": pair.left.contract,
                    "left_account": pair.left.account,
                    "right_title": pair.right.title.zh,
                    "right_owner": pair.right.owner,
                    "right_contract": pair.right.contract,
                    "right_account": pair.right.account,
                }
                for position, (name, pair) in enumerate(rulebook.pairs.items())
            ]
        ),
        "break_classes": _table(
            [
                {
                    "class": name,
                    "title": c.title.zh,
                    "owner": c.owner,
                    "whose": c.whose,
                    "gate": c.gate,
                    "later": c.later or c.gate,
                    "carried": c.carried,
                    "do_zh": c.do.zh,
                    "do_en": c.do.en,
                }
                for name, c in agreed.classes.items()
            ]
        ),
        "pair_gates": _table(
            [
                {"pair": name, "class": cls, "gate": gate}
                for name, pair in rulebook.pairs.items()
                for cls, gate in pair.gate.items()
            ],
            ("pair", "class", "gate"),
        ),
        "gates": _table([{"gate": gate, "title": text.zh} for gate, text in GATES.items()]),
        "pass_titles": _table(
            [{"pass": name, "position": n, "title": text.zh} for n, (name, text) in enumerate(PASSES.items())]
        ),
        "clauses": _table(
            [
                {
                    "clause": name,
                    "notice": c.document or rulebook.notice.number,
                    "source": c.source,
                    "quote": c.quote,
                    "gloss": c.gloss,
                }
                for name, c in rulebook.clauses.items()
            ]
        ),
        "definitions": _table(_definitions(agreed.contracts)),
        "report_items": _table([{"item": code, "name": text} for text, code in agreed.report_items.items()]),
        "flow_titles": _table(
            [
                {"flow": n, "title": f.title.zh, "clause": f.clause_of(agreed.city.city)}
                for n, f in agreed.postings.flows.items()
            ]
        ),
        "account_titles": _table(
            [{"account": code, "title": text.zh} for code, text in agreed.postings.accounts.items()]
        ),
    }


def _definitions(contracts: dict[str, Contract]) -> list[dict[str, Any]]:
    names = {"reject": "critical", "set_aside": "warning", "warn": "info"}
    return [
        {
            "contract": contract.contract,
            "check_id": check.id,
            "severity": names[check.severity],
            "column_headers": "、".join(
                contract.by_name[c].header if c in contract.by_name else c for c in check.columns
            ),
            "expected_zh": check.expected.zh,
            "expected_en": check.expected.en,
            "do_zh": check.do.zh,
            "do_en": check.do.en,
        }
        for contract in contracts.values()
        for check in checks_of(contract)
    ]


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> pa.Table:
    """Return rows as an Arrow table; a column that is empty throughout is text. ``columns`` name those of no rows."""
    if not rows:
        return pa.Table.from_pylist([], schema=pa.schema([(name, pa.string()) for name in columns]))
    table = pa.Table.from_pylist(rows)
    for index, field in enumerate(table.schema):
        if pa.types.is_null(field.type):
            table = table.set_column(index, field.name, pa.nulls(table.num_rows, pa.string()))
    return table
