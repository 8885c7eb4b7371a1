"""The facts of a rule: drawn up by a model of ``sql/facts``, every figure with what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.settlement import CountyFacts, Facts, RuleKind
from medpool_etl.store.models import make_table, model_sql
from medpool_etl.store.settings import project_root

SCHEMA = pa.schema(
    [
        ("rule_id", pa.string()),
        ("fund", pa.string()),
        ("county", pa.string()),
        ("fact", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        ("word", pa.string()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True)
class Drawn:
    """The facts of a rule and fund, and the lines they are made of (columns of ``SCHEMA``).

    ``facts`` is None where something of the city has not come; ``lacking`` says what has not, in Chinese, by county ("" for the
    city): those counties are left out.
    """

    facts: Facts | None
    counties: dict[str, CountyFacts]
    lines: list[dict[str, Any]]
    lacking: dict[str, str]


def has_model(kind: str) -> bool:
    """Whether a kind of rule takes its facts from files and earlier runs; all others are asked (`medpool what-if`), not settled."""
    return (project_root() / "sql" / "facts" / f"{kind}.sql").is_file()


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what the models of ``sql/facts`` share: ``positions`` and ``year_items``."""
    for name in ("positions", "year_items"):
        make_table(connection, "facts", name)


def draw(
    connection: duckdb.DuckDBPyConnection, rule_id: str, kind: RuleKind, fund: str, counties: tuple[str, ...]
) -> Drawn:
    """Return the facts of a rule for a fund. ``counties`` are those it speaks of: one without a line has the defaults, or is lacking
    where a fact has none.

    Amounts of a fact add up over its lines; a word stands once. Raises InputError for a fact that cannot be.
    """
    rows = connection.execute(
        f"SELECT fund, county, fact, amount, word, source FROM ({model_sql('facts', kind.name)}) WHERE fund = ? ORDER BY ALL",
        [fund],
    ).fetchall()
    known = {*kind.facts.model_fields, *(kind.county.model_fields if kind.county else ())}
    lines = []
    values: dict[str, dict[str, Any]] = {}
    for of_fund, county, name, amount, word, source in rows:
        if name not in known:
            raise ConfigurationError(f"{kind.name} has no fact {name}", where=f"sql/facts/{kind.name}.sql")
        lines.append(
            {
                "rule_id": rule_id,
                "fund": of_fund,
                "county": county,
                "fact": name,
                "amount": amount,
                "word": word,
                "source": source,
            }
        )
        place = values.setdefault(county, {})
        place[name] = word if amount is None else place.get(name, Decimal(0)) + amount
    lacking: dict[str, str] = {}
    city = values.pop("", {})
    if kind.county is None:
        facts: Any = _read(kind.facts, city, rule_id, "", lacking)
        return Drawn(facts, {}, lines, lacking)
    read: dict[str, Any] = {}
    # What a unit inherits stands under those it inherited: without a line of its own it lacks nothing.
    heirs = {place["successor"] for place in values.values() if "successor" in place}
    wanted = {*counties, *values} - (heirs - values.keys())
    for code in sorted(wanted):
        if found := _read(kind.county, values.get(code, {}), rule_id, code, lacking):
            read[code] = found
    if set(lacking) >= wanted:
        # Nothing has come of any county: there is nothing to apply the rule to.
        return Drawn(None, {}, lines, {} if not lines else lacking)
    return Drawn(_read(kind.facts, city, rule_id, "", lacking), read, lines, lacking)


def _read(
    schema: type[Facts] | type[CountyFacts], values: dict[str, Any], rule_id: str, county: str, lacking: dict[str, str]
) -> Any:
    """Return values as the facts of the city or a county, or None, and note, where one without a default is missing."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        wrong = [f"{item['loc'][0]}: {item['msg']}" for item in error.errors() if item["type"] != "missing"]
        if wrong:
            raise InputError(
                f"rule {rule_id}: facts{f' of {county}' if county else ''} that cannot be: {'; '.join(wrong)}",
                do="look at what they are made of: the files and published months of this period",
            ) from error
        missing = [str(item["loc"][0]) for item in error.errors()]
        lacking[county] = "、".join(str(schema.model_fields[name].description).split(" | ")[0] for name in missing)
        return None
