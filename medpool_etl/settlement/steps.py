"""What the steps of rules are called where people read them."""

from __future__ import annotations

from medpool_etl.documents import Text

STEPS: dict[str, Text] = {
    "": Text(zh="划转", en="transfer"),
    "advance": Text(zh="预拨（提前划入）", en="advance"),
    "allocation": Text(zh="拨付", en="allocation to the city agency"),
    "arrears": Text(zh="补缴以前季度", en="arrears of earlier quarters"),
    "assessed": Text(zh="考核应补", en="made up for missed targets"),
    "city": Text(zh="划市级", en="on to the city"),
    "city_share": Text(zh="市财政分担", en="city finance's share"),
    "cleared": Text(zh="清算", en="cleared"),
    "county": Text(zh="县级归集", en="within the county"),
    "county_share": Text(zh="县财政分担", en="county finance's share"),
    "distribution": Text(zh="下拨", en="distribution to the county agency"),
    "government": Text(zh="政府补足", en="made up by the government"),
    "hospital_advance": Text(zh="公立医院预付金", en="advance to public hospitals"),
    "offsite_prepayment": Text(zh="异地清算预付金", en="prepayment for off-site settlement"),
    "old_expenditure": Text(zh="统筹前支出", en="expenditure of before pooling"),
    "own_balance": Text(zh="累计结余弥补", en="borne by the county's own balance"),
    "payment": Text(zh="拨付", en="payment to the city agency"),
    "pot_share": Text(zh="统筹方分担", en="share of reserve or pool"),
    "quarter": Text(zh="本季度应到位", en="due for the quarter"),
    "repaid": Text(zh="退回", en="repaid"),
    "rest": Text(zh="清算后补足", en="the rest, once settled"),
    "returned": Text(zh="多缴退回", en="overpaid, returned"),
    "surplus_returned": Text(zh="结余返还", en="surplus returned"),
    "surplus_to_pot": Text(zh="结余归集", en="surplus to the reserve"),
    "to_agency": Text(zh="拨市经办", en="to the city agency"),
    "to_county": Text(zh="拨县经办", en="to the county agency"),
    "to_insurer": Text(zh="付承办机构", en="to the insurer"),
    "upload": Text(zh="上划", en="upload"),
    "upper": Text(zh="上级补助", en="grants from above"),
}


def step_zh(step: str) -> str:
    """Return a step as people read it; one without a name of its own stays as it is."""
    return STEPS[step].zh if step in STEPS else step
