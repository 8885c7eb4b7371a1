"""``medpool what-if``: any rule on facts typed into one small file, alone or beside other cities and other readings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from medpool_etl.cli.render import err, out, say
from medpool_etl.errors import InputError
from medpool_etl.money import ZERO, grouped
from medpool_etl.pipeline.facts_schema import json_schema
from medpool_etl.pipeline.facts_template import template
from medpool_etl.pipeline.what_if import Answer, Refused, answer_as_json, ask_all
from medpool_etl.places import FUNDS, load_city
from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.settlement import ROLES, Working

_WHEN = {
    "month": "每月 month",
    "quarter": "每季 quarter",
    "opening": "年初 opening",
    "clearing": "年终清算 clearing",
    "once": "一次 once",
    "case": "按需 case",
}


def what_if(
    file: Annotated[Path | None, typer.Argument(help="The facts file.", show_default=False)] = None,
    city: Annotated[
        list[str] | None,
        typer.Option(
            help="Also under this city's rule of the same kind; repeat for several. With --template and --schema: the city.",
            show_default=False,
        ),
    ] = None,
    reading: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Also under this reading (several at once: a=x,b=y); repeat for a column each.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, amounts as decimal strings.")] = False,
    template_of: Annotated[
        str | None,
        typer.Option("--template", metavar="RULE", help="Print a facts file of a rule that runs.", show_default=False),
    ] = None,
    schema_of: Annotated[
        str | None,
        typer.Option(
            "--schema", metavar="RULE", help="Print the JSON Schema of a rule's facts file.", show_default=False
        ),
    ] = None,
    fund: Annotated[str | None, typer.Option(help="With --template: worker or resident.", show_default=False)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List every city's rules one can ask.")] = False,
) -> None:
    """Apply a rule to facts typed into a YAML file: what it gives, step by step, with clauses. Nothing is stored.

    Begin with `medpool what-if --list`, then `medpool what-if --template T19 --city taizhou > facts.yaml`. The facts file is
    described in docs/what-if.md.
    """
    ways = [file is not None, template_of is not None, schema_of is not None, list_]
    if sum(ways) != 1:
        raise InputError("what-if takes one thing", expected="a facts file, --template RULE, --schema RULE or --list")
    if list_:
        _list(tuple(city or rulebooks()))
    elif template_of is not None:
        _raw(template(_one(city, "--template"), template_of, fund))
    elif schema_of is not None:
        schema = json_schema(_one(city, "--schema"), schema_of)
        _raw(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")
    elif file is not None:
        answers = ask_all(file, city or (), [_readings(text) for text in reading or ()])
        if as_json:
            _json(answers)
        elif len(answers) == 1:
            _one_answer(answers[0])
        else:
            _side_by_side(answers)


def _one(cities: list[str] | None, option: str) -> str:
    if len(cities or ()) != 1:
        raise InputError(f"{option} is of one city", expected=f"--city with one of {', '.join(rulebooks())}")
    return (cities or [""])[0]


def _readings(text: str) -> dict[str, str]:
    """Return the readings of one option, ``a=x,b=y``; raises InputError for another form."""
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not (name.strip() and sign and value.strip()) for name, sign, value in pairs):
        raise InputError(f"{text!r} is no reading", where="--reading", expected="NAME=VALUE, or several: a=x,b=y")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _raw(text: str) -> None:
    """Print text as UTF-8 whatever the terminal's language, so that it can be kept as a file."""
    typer.echo(text.encode(), nl=False)


def _json(answers: tuple[Answer | Refused, ...]) -> None:
    found: Any = {answer.label: answer_as_json(answer) for answer in answers}
    _raw(json.dumps(found if len(found) > 1 else next(iter(found.values())), ensure_ascii=False, indent=2) + "\n")
    for answer in (answer for answer in answers if isinstance(answer, Answer)):
        for item in answer.outcome.unfunded:
            # It is no transfer, and nobody should miss it.
            err.print(
                f"medpool: {answer.label}: 无人承担 unfunded {_unit(answer, item.county)} {grouped(item.amount)} 元: {item.zh} {item.en}",
                soft_wrap=True,
            )


def _list(cities: tuple[str, ...]) -> None:
    for city in cities:
        rulebook = load_rulebook(city)
        say(f"{city} {load_city(city).name.zh} {rulebook.notice.number} {rulebook.notice.title}")
        table = _table("规则\nRule", "名称\nTitle", "何时\nWhen", "险种\nFunds")
        _keep(table, 0, 2, 3)
        for rule_id, entry in rulebook.rules.items():
            funds = " ".join(entry.funds)
            table.add_row(rule_id, f"{entry.title.zh} {entry.title.en}", _WHEN[entry.when], funds)
        out.print(table)
        if rulebook.unspecified:
            say("未规定 Left to a later rule")
        for kind, left in rulebook.unspecified.items():
            say(f"  {kind}: {left.what.zh} {left.what.en}")
        say("")
    say("打印可运行的模板 A facts file that runs: medpool what-if --template RULE --city CITY > facts.yaml")


def _one_answer(answer: Answer | Refused) -> None:
    assert isinstance(answer, Answer)
    _heading(answer)
    outcome, number = answer.outcome, answer.rulebook.notice.number
    if outcome.figures:
        say("\n结果 Figures")
        _lines(answer, outcome.figures)
    if outcome.transfers:
        say("\n应划款项 Transfers")
        columns = ("县\nCounty", "步骤\nStep", "付款方 → 收款方\nPayer → receiver", "金额\nAmount (元)", "期限\nDue")
        table = _table(*columns, "规则\nRule", "依据\nClause")
        _keep(table, 0, 1, 4, 5, amounts=(3,))
        for each in outcome.transfers:
            due = f"{each.due_date or ''}"
            if each.late_after and each.late_after != each.due_date:
                due += f"\n顺延 {each.late_after:%m-%d}"
            parties = f"{each.payer.name} → {each.receiver.name}"
            place = _place(each.clause, number)
            table.add_row(
                _unit(answer, each.county), each.step, parties, grouped(each.amount), due, each.rule_id, place
            )
        total = sum((each.amount for each in outcome.transfers), ZERO)
        table.add_row("合计 Total", "", "", grouped(total), style="bold")
        out.print(table)
    elif answer.kind.moves_money:
        say("\n无须划款 Nothing is to be transferred.")
    if outcome.working:
        say("\n计算过程 Working")
        _lines(answer, outcome.working)
    for item in outcome.unfunded:
        say(f"\n无人承担 Unfunded: {_unit(answer, item.county)} {grouped(item.amount)} 元\n  {item.zh} {item.en}")
        say(f"  {item.clause}")
    roles = dict.fromkeys(role for each in outcome.transfers for role in (each.payer.role, each.receiver.role))
    if roles:
        say(f"\n{'；'.join(f'{ROLES[role].zh} {ROLES[role].en}' for role in roles)}")


def _heading(answer: Answer) -> None:
    entry, rulebook = answer.entry, answer.rulebook
    fund = next(text for name, text in FUNDS.items() if name == answer.fund)
    say(
        f"{load_city(answer.city).name.zh} {answer.period.zh} {fund.zh} {answer.rule_id} {entry.title.zh} {entry.title.en}"
    )
    say(f"依据 Clause: {rulebook.cite(entry.clause)}\n  “{rulebook.clauses[entry.clause].quote}”")
    if taken := _taken(answer):
        say(f"口径 Readings: {', '.join(taken)}")
    for supplement in rulebook.supplements:
        say(f"补充规定 Supplement: {supplement.number} {supplement.title}")


def _taken(answer: Answer) -> list[str]:
    """Return the readings that are not the rulebook's own."""
    shipped = load_rulebook(answer.city, ()).readings
    readings = answer.rulebook.readings
    return [f"{name}={r.value}" for name, r in readings.items() if name in shipped and shipped[name].value != r.value]


def _lines(answer: Answer, lines: Iterable[Working]) -> None:
    table = _table("县\nCounty", "步骤\nStep", "项目\nItem", "数值\nValue", "依据\nClause")
    _keep(table, 0, 1, amounts=(3,))
    for line in lines:
        place = _place(line.clause, answer.rulebook.notice.number)
        table.add_row(_unit(answer, line.county), line.step, f"{line.zh} {line.en}", _value(line), place)
    out.print(table)


def _side_by_side(answers: tuple[Answer | Refused, ...]) -> None:
    """Print answers as columns: amounts by county, step and parties, then what each party pays and receives."""
    for n, answer in enumerate(answers, 1):
        say(f"({n}) {load_city(answer.city).name.zh} {answer.label}{_explained(answer)}")
    made = [answer for answer in answers if isinstance(answer, Answer)]
    names = {code: name for answer in made for code, name in answer.names.items()}
    moves: dict[tuple[str, str, str], dict[int, Decimal]] = {}
    parties: dict[tuple[str, str], dict[int, Decimal]] = {}
    unfunded: dict[tuple[str, str, str], dict[int, Decimal]] = {}
    figures: dict[tuple[str, str, str], dict[int, str]] = {}
    for n, answer in enumerate(answers):
        if isinstance(answer, Refused):
            continue
        for each in answer.outcome.transfers:
            _add(moves, (each.county, each.step, f"{each.payer.name} → {each.receiver.name}"), n, each.amount)
            _add(parties, (each.payer.name, "付 pays"), n, each.amount)
            _add(parties, (each.receiver.name, "收 receives"), n, each.amount)
        for item in answer.outcome.unfunded:
            _add(unfunded, (item.county, "", "无人承担 unfunded"), n, item.amount)
        for line in answer.outcome.figures:
            figures.setdefault((line.county, line.step, f"{line.zh} {line.en}"), {})[n] = _value(line)
    shown = {key: {n: grouped(amount) for n, amount in row.items()} for key, row in (moves | unfunded).items()}
    table = _table("县\nCounty", "步骤\nStep", "付款方 → 收款方\nPayer → receiver" if moves else "项目\nItem")
    _keep(table, 0, 1)
    _columns(table, answers)
    # Rows of a county stand together, in the order its steps first come up.
    for (county, step, parts), row in sorted((shown | figures).items(), key=lambda item: item[0][0]):
        table.add_row(_called(names, county), step, parts, *_cells(row, answers))
    say("")
    out.print(table)
    if parties:
        say("\n各方合计 Totals per party")
        table = _table("单位、账户\nParty", "")
        _keep(table, 0, 1)
        _columns(table, answers)
        for (party, way), amounts in sorted(parties.items()):
            table.add_row(party, way, *_cells({n: grouped(amount) for n, amount in amounts.items()}, answers))
        out.print(table)


def _add(rows: dict[Any, dict[int, Decimal]], key: object, column: int, amount: Decimal) -> None:
    row = rows.setdefault(key, {})
    row[column] = row.get(column, ZERO) + amount


def _columns(table: Table, answers: tuple[Answer | Refused, ...]) -> None:
    for n, answer in enumerate(answers, 1):
        table.add_column(f"({n}) {load_city(answer.city).name.zh}", justify="right", no_wrap=True)


def _cells(row: dict[int, str], answers: tuple[Answer | Refused, ...]) -> list[str]:
    return ["–" if isinstance(answer, Refused) else row.get(n, "") for n, answer in enumerate(answers)]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _keep(table: Table, *columns: int, amounts: tuple[int, ...] = ()) -> None:
    """Let columns never be wrapped or cut; amounts stand on the right."""
    for n in (*columns, *amounts):
        table.columns[n].no_wrap = True
    for n in amounts:
        table.columns[n].justify = "right"


def _value(line: Working) -> str:
    return grouped(Decimal(line.value)) if line.unit == "yuan" else line.value


def _unit(answer: Answer, county: str) -> str:
    return _called(answer.names, county)


def _called(names: Any, county: str) -> str:
    return f"{county} {names[county]}" if county in names else county or "全市 city"


def _place(clause: str, number: str) -> str:
    """Return a citation without the number of the notice, which stands above; a supplement's keeps its own."""
    return clause.removeprefix(f"{number} ")


def _explained(answer: Answer | Refused) -> str:
    """Return what a column is: rule, clause and readings, or why there is no answer."""
    if isinstance(answer, Refused):
        return ": 无结果 no answer\n" + "\n".join(f"    {line}" for line in str(answer.error).splitlines())
    lines = [f": {answer.rule_id} {answer.entry.title.zh} {answer.entry.title.en}"]
    lines.append(f"    {answer.rulebook.cite(answer.entry.clause)}")
    for taken in answer.label.split(" ")[1:]:
        name, _, value = taken.partition("=")
        lines.append(f"    {value}: {answer.rulebook.readings[name].alternatives[value]}")
    return "\n".join(lines)
