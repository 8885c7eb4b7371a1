"""The checks of the two contracts through Great Expectations' pandas engine, on every row, with every failing row found."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
from meter import Meter, must_be, task

from medpool_etl.contracts import Contract, load_contract
from medpool_etl.places import load_city
from medpool_etl.policy import load_subjects

_PLAIN_AMOUNT = r"^-?\d{1,13}(\.\d{1,2})?$"
_AMOUNT = r"^-?(\d{1,13}|\d{1,3}(,\d{3})+)(\.\d{1,2})?$"
_FORMS = {"integer": r"^\d{1,18}$", "rate": r"^\d(\.\d{1,6})?$", "month": r"^20\d\d(0[1-9]|1[0-2])$"}
_DAYS = {"tax_collection_detail": "%Y%m%d", "agency_bookings": "%Y年%m月%d日"}
_OF_MONTH = {"tax_collection_detail": r"^202203\d\d$", "agency_bookings": r"^2022年3月\d+日$"}


def expectations(contract: Contract) -> list[Any]:
    """Return the expectations that say what the contract says, on text as pandas read it and the columns of `derive`."""
    found: list[Any] = []
    units, subjects = load_city("taizhou").units, [subject.code for subject in load_subjects()]
    known = {"counties": [u.code for u in units], "tax_offices": [u.tax_office for u in units], "subjects": subjects}
    for column in contract.columns:
        name = column.header
        if column.required:
            found.append(gxe.ExpectColumnValuesToNotBeNull(column=name))
        if column.type == "money":
            form = _PLAIN_AMOUNT if contract.contract == "tax_collection_detail" else _AMOUNT
            found.append(gxe.ExpectColumnValuesToMatchRegex(column=name, regex=form))
        elif column.type == "date":
            day = _DAYS[contract.contract]
            found.append(gxe.ExpectColumnValuesToMatchStrftimeFormat(column=name, strftime_format=day))
        elif form := _FORMS.get(column.type, column.pattern or ""):
            found.append(gxe.ExpectColumnValuesToMatchRegex(column=name, regex=form))
        if column.values is not None or column.known:
            values = list(column.values or known[column.known or ""])
            found.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=values))
    key, booked = contract.by_name["receipt_no"].header, contract.by_name["booked_date"].header
    found.append(gxe.ExpectColumnValuesToBeUnique(column=key))
    found.append(gxe.ExpectColumnValuesToMatchRegex(column=booked, regex=_OF_MONTH[contract.contract]))
    found.append(gxe.ExpectColumnValuesToBeInSet(column="fund_of_payer", value_set=[True]))
    if contract.contract == "tax_collection_detail":
        found.append(gxe.ExpectColumnValuesToBeInSet(column="due_is_base_times_rate", value_set=[True]))
        found.append(gxe.ExpectColumnValuesToBeInSet(column="county_of_tax_office", value_set=[True]))
        found.append(gxe.ExpectColumnValuesToBeBetween(column="paid", min_value=0, strict_min=True))
        found.append(
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=booked, column_B="缴款日期", or_equal=True, ignore_row_if="either_value_is_missing"
            )
        )
    return found


def derive(rows: pd.DataFrame, contract: Contract) -> None:
    """Add the columns that conditions on several columns need."""
    fund = contract.by_name["fund"].header
    rows["fund_of_payer"] = (rows["缴费人类型"] == "城乡居民") == rows[fund].str.startswith("城乡居民")
    if contract.contract == "tax_collection_detail":
        rows["paid"] = pd.to_numeric(rows["实缴金额"], errors="coerce")
        due = pd.to_numeric(rows["应缴金额"], errors="coerce")
        base, rate = pd.to_numeric(rows["缴费基数"], errors="coerce"), pd.to_numeric(rows["费率"], errors="coerce")
        heads = pd.to_numeric(rows["缴费人数"], errors="coerce")
        rows["due_is_base_times_rate"] = ~((due - base * rate).abs() > heads * 0.005 + 1e-6)
        rows["county_of_tax_office"] = rows["行政区划"] == rows["主管税务机关"].str[1:7]


def failing(result: dict[str, Any], told_only: Iterable[str]) -> tuple[set[int], int]:
    """Return the rows that fail an expectation, but for those of conditions that only tell, and how many first rows
    of a repeated key are among them: Great Expectations counts every row of the key."""
    rows: set[int] = set()
    first = 0
    for item in result["results"]:
        must_be("an exception", item["exception_info"].get("raised_exception", False), False)
        config, unexpected = item["expectation_config"], item["result"].get("unexpected_index_list") or []
        if config["kwargs"].get("column") in told_only:
            continue
        rows.update(unexpected)
        if config["type"] == "expect_column_values_to_be_unique":
            first = len(unexpected) // 2
    return rows, first


def main() -> None:
    """Do both files; then, untimed, see whether the planted rows were found."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    meter, found = Meter(), 0
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("files")
    for name, known in facts["files"].items():
        contract = load_contract(name)
        with meter.phase("read"):
            path = data / "inbox" / facts["month"] / known["name"]
            titles = 1 if name == "tax_collection_detail" else 0
            rows = pd.read_csv(path, encoding="gb18030", dtype=str, skiprows=titles).iloc[:-1]
            derive(rows, contract)
        with meter.phase("check"):
            asset = source.add_dataframe_asset(name)
            batch = asset.add_batch_definition_whole_dataframe("file").get_batch({"dataframe": rows})
            suite = gx.ExpectationSuite(name=name, expectations=expectations(contract))
            form = {"result_format": "COMPLETE"}
            result = batch.validate(suite, result_format=form).to_json_dict()
        with meter.phase("write"):
            bad, first = failing(result, ("due_is_base_times_rate", "county_of_tax_office"))
            rows.loc[sorted(bad)].to_csv(work / f"{name}.bad.csv")
            rows.to_parquet(work / f"{name}.parquet")
        must_be(f"{name}: bad rows", len(bad) - first, known["bad"])
        found += len(bad) - first
    meter.report(list(meter.seconds), found=found, version=importlib.metadata.version("great_expectations"))


if __name__ == "__main__":
    main()
