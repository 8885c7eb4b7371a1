"""What a month leaves open and the next ones make of it: cleared, made up in part, listed again, late, or decided."""

from decimal import Decimal

import pytest

from tests.reconciliation.desk import HERE, Break, Desk, Settled

TAX, AGENCY, VOUCHERS, FISCAL = "tax_treasury", "agency_tax_county", "voucher_transfer", "treasury_fiscal"
NONE = "number amount booked"
RECEIPT = "number amount booked\nR1 100.00 03-10"


def shares(settled: Settled) -> list[tuple[str, str, Decimal]]:
    """Return class, month of origin and amount of every break, the oldest first."""
    return sorted(((b.cls, b.origin, b.difference) for b in settled.breaks()), key=lambda share: share[1])


def moved(desk: Desk, month: str, booked: str, transferred: str) -> Settled:
    """Settle what the treasury booked and the fiscal account received in a month."""
    day = f"{month[5:]}-20"
    return desk.settle(
        month,
        treasury=f"number amount booked\nV{month} {booked} {day}",
        bank=f"serial amount booked\n{month[5:]}001 {transferred} {day}",
    )


def test_a_break_keeps_its_name_until_its_counterpart_comes() -> None:
    """What the treasury lacks in March and April is the same break, and May's booking ends it."""
    desk = Desk(TAX)
    march = desk.settle("2022-03", tax=RECEIPT, treasury=NONE)
    april = desk.settle("2022-04", tax=NONE, treasury=NONE)
    assert march.breaks() == april.breaks()
    assert [(b.cls, b.origin, b.since) for b in april.breaks()] == [("only_left", "2022-03", "2022-03-10")]
    may = desk.settle("2022-05", tax=NONE, treasury="number amount booked\nR1 100.00 05-05")
    assert may.breaks() == []
    assert may.matched(TAX) == [("carried_over", "R1", "R1")]


def test_a_counterpart_in_part_leaves_the_rest_under_the_same_name() -> None:
    """Of 100 the treasury books 60 in April: the break goes on with its name and 40."""
    desk = Desk(TAX)
    (march,) = desk.settle("2022-03", tax=RECEIPT, treasury=NONE).breaks()
    (april,) = desk.settle("2022-04", tax=NONE, treasury="number amount booked\nR1 60.00 04-05").breaks()
    assert (april.name, april.origin, april.difference) == (march.name, "2022-03", Decimal(40))
    assert desk.settle("2022-05", tax=NONE, treasury="number amount booked\nR1 40.00 05-05").breaks() == []


def test_a_receipt_without_number_waits_for_its_tax_receipt() -> None:
    """Booked by hand on March's last day, listed by the tax office on April's first: matched by amount, over the month."""
    desk = Desk(TAX)
    march = desk.settle("2022-03", tax=NONE, treasury="number amount booked\n- 100.00 03-31")
    assert [b.cls for b in march.breaks()] == ["manual_receipt"]
    april = desk.settle("2022-04", tax="number amount booked\nR1 100.00 04-01", treasury=NONE)
    assert april.breaks() == []
    assert april.passed(TAX) == {"same_amount": 1}


def test_a_voucher_executed_months_later() -> None:
    """A voucher of March and a transfer of May are one: what was left open has waited long enough for any window."""
    desk = Desk(VOUCHERS)
    desk.settle("2022-03", vouchers="number amount issued\nU1 100.00 03-02", bank="serial amount booked")
    april = desk.settle(
        "2022-04", vouchers="number amount issued\nU2 70.00 04-02", bank="serial amount booked\n1 70.00 04-03"
    )
    assert [(b.cls, b.item, b.origin) for b in april.breaks()] == [("not_executed", "U1", "2022-03")]
    may = desk.settle(
        "2022-05",
        vouchers="number amount issued\nU3 9.00 05-02",
        bank="serial amount booked\n1 9.00 05-03\n2 100.00 05-30",
    )
    assert may.breaks() == []


def test_a_sum_is_made_up_oldest_first() -> None:
    """March leaves 100 and April 50; May's 120 more end March's and leave 30 of April's; June's 30 end that."""
    desk = Desk(FISCAL)
    march = moved(desk, "2022-03", "1000.00", "900.00")
    april = moved(desk, "2022-04", "1000.00", "950.00")
    may = moved(desk, "2022-05", "1000.00", "1120.00")
    june = moved(desk, "2022-06", "1000.00", "1030.00")
    assert shares(march) == [("not_transferred", "2022-03", Decimal(100))]
    assert shares(april) == [("not_transferred", "2022-03", Decimal(100)), ("not_transferred", "2022-04", Decimal(50))]
    assert shares(may) == [("not_transferred", "2022-04", Decimal(30))]
    assert shares(june) == []
    names = {b.origin: b.name for b in april.breaks()}
    assert march.breaks()[0].name == names["2022-03"]
    assert may.breaks()[0].name == names["2022-04"]


def test_a_sum_made_up_for_more_than_all_is_a_break_of_its_month() -> None:
    """March leaves 100; April transfers 130 too much: March's is ended, and 30 of April's are transferred too much."""
    desk = Desk(FISCAL)
    moved(desk, "2022-03", "1000.00", "900.00")
    april = moved(desk, "2022-04", "1000.00", "1130.00")
    assert [(b.cls, b.origin, b.difference, b.gate) for b in april.breaks()] == [
        ("over_transferred", "2022-04", Decimal(-30), "block")
    ]


def test_too_much_is_made_up_for_by_transferring_less() -> None:
    """March transfers 100 too much, April 60 too little: 40 of March's go on."""
    desk = Desk(FISCAL)
    moved(desk, "2022-03", "1000.00", "1100.00")
    assert shares(moved(desk, "2022-04", "1000.00", "940.00")) == [("over_transferred", "2022-03", Decimal(-40))]


def in_transit(desk: Desk) -> Break:
    (found,) = desk.settle("2022-03", tax="number amount paid booked\nR1 100.00 03-30 -", treasury=NONE).breaks()
    return found


@pytest.mark.parametrize("treasury", [NONE, "number amount booked\nR1 100.00 04-02"])
def test_a_receipt_listed_again_is_the_same_receipt(treasury: str) -> None:
    """In transit in March and booked in April counts once, and keeps its name and age while the treasury lacks it."""
    desk = Desk(TAX)
    march = in_transit(desk)
    april = desk.settle("2022-04", tax="number amount paid booked\nR1 100.00 03-30 04-02", treasury=treasury)
    if treasury == NONE:
        (found,) = april.breaks()
        assert (found.name, found.origin, found.since, found.difference) == (
            march.name, "2022-03", "2022-03-30", Decimal(100),
        )  # fmt: skip
    else:
        assert april.breaks() == []
        assert april.matched(TAX) == [("carried_over", "R1", "R1")]


def test_what_the_agency_never_had_is_not_listed_again() -> None:
    """In transit in March and booked in April, it is April's for the agency, to whom nothing in transit is listed: its break
    goes on until it comes. For the treasury, which had it in March already, it is listed again."""
    desk = Desk(TAX, AGENCY)
    desk.settle(
        "2022-03", tax="number amount paid booked\nR1 100.00 03-30 -", treasury="number amount booked\nR1 100.00 03-31",
        agency=NONE,
    )  # fmt: skip
    april = desk.settle("2022-04", tax="number amount paid booked\nR1 100.00 03-30 04-02", treasury=NONE, agency=NONE)
    assert (april.short(TAX), april.short(AGENCY)) == (["relisted 100.00 R1"], ["only_right -100.00 R1"])
    may = desk.settle("2022-05", tax=NONE, treasury=NONE, agency="number amount booked\nR1 100.00 05-05")
    assert may.breaks() == []


def test_what_is_expected_in_its_month_warns_later() -> None:
    """A receipt in transit is expected in March; still so in April it warns, listed again or not."""
    for again in (NONE, "number amount paid booked\nR1 100.00 03-30 -"):
        desk = Desk(TAX)
        march = in_transit(desk)
        (april,) = desk.settle("2022-04", tax=again, treasury=NONE).breaks()
        assert (march.cls, march.gate) == ("in_transit", "expected")
        assert (april.cls, april.gate, april.name) == ("in_transit", "warn", march.name)


def test_the_same_receipt_reported_twice() -> None:
    """A number the treasury reported and matched in March is a duplicate in April, for the treasury to take out."""
    desk = Desk(TAX)
    desk.settle("2022-03", tax=RECEIPT, treasury=RECEIPT)
    april = desk.settle("2022-04", tax=NONE, treasury="number amount booked\nR1 100.00 04-05")
    assert [(b.cls, b.difference, b.owner) for b in april.breaks()] == [("duplicate", Decimal(-100), "treasury")]


def test_a_carried_item_is_not_part_of_a_missing_file() -> None:
    """While April's treasury file is missing, March's break stays what it was, beside the one break of the missing file."""
    desk = Desk(TAX)
    (march,) = desk.settle("2022-03", tax=RECEIPT, treasury=NONE).breaks()
    april = desk.settle(
        "2022-04",
        tax="number amount booked\nR2 70.00 04-10\nR3 30.00 04-11",
        missing=[{"contract": "treasury_receipts", "part": ""}],
    )
    assert march in april.breaks()
    assert april.short(TAX) == ["file_missing 100.00", "only_left 100.00 R1"]


def test_a_decision_holds_for_its_amount() -> None:
    """A break a person has explained is no longer open, at the amount that was explained and at no other."""
    desk = Desk(TAX)
    (found,) = desk.look("2022-03", tax=RECEIPT, treasury=NONE).breaks()
    for amount, state in ((Decimal(100), "explained"), (Decimal(99), "open")):
        march = desk.look("2022-03", tax=RECEIPT, treasury=NONE, decided=[(found.name, "explained", amount)])
        assert [(b.name, b.state) for b in march.breaks()] == [(found.name, state)]
        assert march.results[0].open_breaks == (state == "open")


@pytest.mark.parametrize("state", ["corrected", "cleared"])
def test_what_a_person_ended_is_not_brought_forward(state: str) -> None:
    """A break a person ended, at its amount, after its month was settled is not in the next month."""
    desk = Desk(TAX)
    (found,) = desk.settle("2022-03", tax=RECEIPT, treasury=NONE).breaks()
    april = desk.settle("2022-04", tax=NONE, treasury=NONE, decided=[(found.name, state, found.difference)])
    assert april.breaks() == []
    assert april.rows("SELECT sum(brought_forward) FROM pair_totals") == [(Decimal(0),)]


def test_totals_say_what_was_brought_forward() -> None:
    """The totals of a month are the month's own; what March left open stands beside them."""
    desk = Desk(TAX)
    desk.settle("2022-03", tax=RECEIPT, treasury=NONE)
    april = desk.settle(
        "2022-04",
        tax="number amount booked\nR2 70.00 04-10",
        treasury="number amount booked\nR1 100.00 04-01\nR2 70.00 04-10",
    )
    where = f"fund = 'worker' AND county = '{HERE}'"
    assert april.rows(
        f"SELECT left_total, right_total, brought_forward, difference, break_count FROM pair_totals WHERE {where}"
    ) == [(Decimal(70), Decimal(170), Decimal(100), Decimal(0), 0)]
