"""The passes and classes of the reconciliation, one by one, on rows written here: what matches, what breaks, what goes on."""

from decimal import Decimal
from typing import Any

import pytest

from tests.reconciliation.desk import HERE, STRANGER, THERE, Desk, Settled

TAX, AGENCY, VOUCHERS, FISCAL = "tax_treasury", "agency_tax_county", "voucher_transfer", "treasury_fiscal"
NONE = "number amount booked"


def receipts(tax: str, treasury: str, **more: Any) -> Settled:
    """Settle March's receipts of tax and treasury."""
    return Desk(TAX).settle("2022-03", tax=tax, treasury=treasury, **more)


# Pass 1 and the classes of what has a number.


def test_the_same_number_and_amount_match() -> None:
    """Receipts both sides have under one number, with one amount, are no break."""
    both = """number amount booked
              R1     100.00 03-10
              R2      50.50 03-11"""
    march = receipts(both, both)
    assert march.breaks() == []
    assert march.passed(TAX) == {"exact_key": 2}
    assert [(result.items, result.agrees) for result in march.results] == [(2, True)]


def test_a_fen_is_a_break() -> None:
    """One number with amounts a fen apart is a break of that fen, not of the receipt."""
    march = receipts("number amount booked\nR1 100.00 03-10", "number amount booked\nR1 99.99 03-10")
    assert march.short(TAX) == ["amount_differs 0.01 R1"]


def test_one_number_in_several_rows_is_their_sum() -> None:
    """A receipt the treasury books in two parts under its number matches by their sum."""
    march = receipts("number amount booked\nR1 100.00 03-10", "number amount booked\nR1 60.00 03-10\nR1 40.00 03-11")
    assert march.breaks() == []


CLASSES = {
    "in transit": ("R1 100.00 -     03-30 premium", "", "in_transit 100.00 R1", "expected", "treasury"),
    "cut-off": ("R1 100.00 03-29 03-29 premium", "", "cut_off 100.00 R1", "expected", "treasury"),
    "a day before the cut-off": ("R1 100.00 03-28 03-28 premium", "", "only_left 100.00 R1", "warn", "treasury"),
    "no receipt": ("", "V1 100.00 03-10 city  worker -", "only_right -100.00 V1", "warn", "tax"),
    "wrong level": (
        "R1 100.00 03-10 03-10 premium", "R1 100.00 03-10 county worker -", "wrong_level 100.00 R1", "warn", "treasury",
    ),
    "last year's": ("", "V1 100.00 03-10 city worker last_year", "adjustment_period -100.00 V1", "warn", "treasury"),
    "by hand": ("", "- 100.00 03-10 city worker -", "manual_receipt -100.00", "warn", "treasury"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLASSES)
def test_what_one_side_lacks_has_its_class(case: str) -> None:
    """Each reason why a side lacks a receipt has its class, what it means for the gate, and its owner."""
    left, right, short, gate, owner = CLASSES[case]
    march = receipts(f"number amount booked paid kind\n{left}", f"number amount booked level fund period\n{right}")
    (found,) = march.breaks()
    assert f"{found.cls} {found.difference} {found.item}".startswith(short)
    assert (found.gate, found.owner, found.origin) == (gate, owner, "2022-03")


def test_a_number_in_another_county_or_fund() -> None:
    """The same receipt in two counties, or two funds, is a break of each, and together they are nothing."""
    march = receipts(
        f"number amount booked county fund\nR1 100.00 03-10 {HERE} worker\nR2 70.00 03-10 {HERE} worker",
        f"number amount booked county fund\nR1 100.00 03-10 {THERE} worker\nR2 70.00 03-10 {HERE} resident",
    )
    found = {(b.item, b.cls, b.county, b.difference) for b in march.breaks()}
    assert found == {
        ("R1", "wrong_county", HERE, Decimal(100)), ("R1", "wrong_county", THERE, Decimal(-100)),
        ("R2", "wrong_subject", HERE, Decimal(70)), ("R2", "wrong_subject", HERE, Decimal(-70)),
    }  # fmt: skip


def test_agency_and_tax_differ_by_what_they_are() -> None:
    """Late fees are as they should be, arrears are to be booked, and heads round to half a fen each."""
    march = Desk(AGENCY).settle(
        "2022-03",
        agency="""number amount booked
                  R3       99.99 03-10
                  R4       99.98 03-10
                  R5       99.00 03-10""",
        tax="""number amount booked kind     heads
               R1       5.00 03-10  late_fee 1
               R2      80.00 03-10  arrears  1
               R3     100.00 03-10  premium  2
               R4     100.00 03-10  premium  2
               R5     100.00 03-30  premium  1
               R6     100.00 03-31  premium  1""",
    )
    assert march.short(AGENCY) == [
        "amount_differs -0.02 R4", "amount_differs -1.00 R5", "arrears -80.00 R2", "cut_off -100.00 R6",
        "late_fee -5.00 R1", "rounding -0.01 R3",
    ]  # fmt: skip


def test_a_row_set_aside_and_a_file_that_did_not_come() -> None:
    """A break says when its counterpart was set aside; for a missing file there is one break, not one an item."""
    tax = "number amount booked\nR1 100.00 03-10\nR2 50.00 03-11"
    aside = [{"contract": "treasury_receipts", "item_key": "R1", "fund": "worker"}]
    march = Desk(TAX).settle("2022-03", tax=tax, treasury="number amount booked\nR2 50.00 03-11", aside=aside)
    assert march.short(TAX) == ["row_set_aside 100.00 R1"]
    missing = [{"contract": "treasury_receipts", "part": ""}]
    march = Desk(TAX).settle("2022-03", tax=tax, missing=missing)
    assert march.short(TAX) == ["file_missing 150.00"]
    assert march.carried().num_rows == 0


# Refunds and corrections.


@pytest.mark.parametrize(("refunded", "part"), [("100.00", "100.00"), ("30.00", "30.00")])
def test_a_refund_explains_its_difference(refunded: str, part: str) -> None:
    """A receipt paid back, whole or in part, is expected for just that much, and does not go on."""
    row = "number amount booked\nR1 100.00 03-10"
    march = receipts(row, row, refunds=f"number amount booked\nR1 {refunded} 03-20")
    assert march.short(TAX) == [f"refund {part} R1"]
    assert [found.gate for found in march.breaks()] == ["expected"]
    assert march.carried().num_rows == 0


def test_a_refund_explains_no_more_than_itself() -> None:
    """What differs beyond the refund is a break of its own, under a name of its own."""
    row = "number amount booked\nR1 100.00 03-10"
    march = receipts(row, "number amount booked\nR1 95.00 03-10", refunds="number amount booked\nR1 30.00 03-20")
    assert march.short(TAX) == ["amount_differs 5.00 R1", "refund 30.00 R1"]
    assert len({found.name for found in march.breaks()}) == 2
    assert receipts(row, row).breaks() == []


def test_a_refund_of_an_earlier_month() -> None:
    """A receipt that matched in March and is paid back in April is a refund of April."""
    row = "number amount booked\nR1 100.00 03-10"
    desk = Desk(TAX)
    desk.settle("2022-03", tax=row, treasury=row)
    april = desk.settle("2022-04", tax=NONE, treasury=NONE, refunds="number amount booked\nR1 100.00 04-06")
    assert [(b.cls, b.difference, b.origin, b.gate) for b in april.breaks()] == [
        ("refund", Decimal(100), "2022-04", "expected")
    ]


def test_a_correction_in_the_month() -> None:
    """Booked at county level and corrected to the city's within the month: nothing is left."""
    march = receipts(
        "number amount booked\nR1 100.00 03-10",
        "number amount booked level\nR1 100.00 03-10 county",
        corrections="number amount booked was_level level\nR1 100.00 03-20 county city",
    )
    assert march.breaks() == []


def test_a_correction_a_month_later() -> None:
    """Of a wrong level, a wrong county, or both, the correction of April ends the breaks of March on both sides."""
    desk = Desk(TAX)
    march = desk.settle(
        "2022-03",
        tax=f"number amount booked county\nR1 100.00 03-10 {HERE}\nR2 70.00 03-10 {HERE}\nR3 50.00 03-10 {HERE}",
        treasury=f"""number amount booked level county
                     R1     100.00 03-10  county {HERE}
                     R2     70.00  03-10  city   {THERE}
                     R3     50.00  03-10  county {THERE}""",
    )
    assert march.short(TAX) == [
        "wrong_county -70.00 R2",
        "wrong_county 50.00 R3",
        "wrong_county 70.00 R2",
        "wrong_level -50.00 R3",
        "wrong_level 100.00 R1",
    ]
    april = desk.settle(
        "2022-04",
        tax=NONE,
        treasury=NONE,
        corrections=f"""number amount booked was_level level was_county county
                        R1     100.00 04-07  county    city  {HERE}     {HERE}
                        R2      70.00 04-07  city      city  {THERE}    {HERE}
                        R3      50.00 04-07  county    city  {THERE}    {HERE}""",
    )
    assert april.breaks() == []
    assert april.passed(TAX) == {"carried_over": 5}


# Pass 2: many and one.


def test_many_receipts_and_one_line() -> None:
    """The receipts of a county and day are one line without a number at the treasury."""
    march = receipts(
        "number amount booked\nR1 60.00 03-10\nR2 40.00 03-10\nR3 25.00 03-11",
        "number amount booked\n- 100.00 03-10\nR3 25.00 03-11",
    )
    assert march.breaks() == []
    assert march.passed(TAX) == {"batch": 2, "exact_key": 1}


def test_one_receipt_and_many_lines() -> None:
    """A receipt is booked in two lines without a number on its day."""
    march = receipts("number amount booked\nR1 100.00 03-10", "number amount booked\n- 60.00 03-10\n- 40.00 03-10")
    assert march.breaks() == []


def test_a_line_that_is_short_is_one_break() -> None:
    """A line that is nearly the sum of its receipts differs from them in one break, by what it lacks."""
    march = receipts("number amount booked\nR1 60.00 03-10\nR2 40.00 03-10", "number amount booked\n- 98.00 03-10")
    (found,) = march.breaks()
    assert (found.cls, found.difference, len(found.items)) == ("amount_differs", Decimal(2), 3)


def test_lines_of_another_day_or_county_are_no_batch() -> None:
    """Receipts of one county and day are not matched with a line of another."""
    tax = f"number amount booked county\nR1 60.00 03-10 {HERE}\nR2 40.00 03-10 {HERE}"
    for line in (f"- 100.00 03-11 {HERE}", f"- 100.00 03-10 {THERE}"):
        assert len(receipts(tax, f"number amount booked county\n{line}").breaks()) == 3


# Pass 3: the same amount.


def vouchers(issued: str, moved: str) -> Settled:
    return Desk(VOUCHERS).settle(
        "2022-03", vouchers=f"number amount issued\n{issued}", bank=f"serial amount booked\n{moved}"
    )


@pytest.mark.parametrize(("day", "matches"), [("03-11", True), ("03-12", False)])
def test_the_same_amount_within_the_window(day: str, matches: bool) -> None:
    """A voucher and a transfer of its amount are one up to ten days apart, and not eleven."""
    march = vouchers("U1 100.00 03-01", f"7 100.00 {day}")
    assert [found.cls for found in march.breaks()] == ([] if matches else ["late_voucher", "not_executed"])


def test_an_amount_that_fits_twice_fits_nothing() -> None:
    """Of two vouchers and one transfer of one amount nobody can say which was executed: all three are breaks."""
    march = vouchers("U1 100.00 03-01\nU2 100.00 03-02", "7 100.00 03-03")
    assert len(march.breaks()) == 3
    assert march.matched(VOUCHERS) == []


def test_equal_crowds_are_matched_in_order() -> None:
    """As many transfers as vouchers of one amount, each in the window of its own: the first is the first's."""
    march = vouchers("U1 100.00 03-01\nU2 100.00 03-05", "7 100.00 03-03\n8 100.00 03-06")
    assert march.breaks() == []
    assert [(voucher, line[-2:]) for _, voucher, line in march.matched(VOUCHERS)] == [("U1", "/7"), ("U2", "/8")]


def test_numbers_that_differ_are_not_the_same() -> None:
    """Where both sides know the number, two numbers of one amount on one day stay two breaks."""
    march = receipts("number amount booked\nR1 100.00 03-10", "number amount booked\nV1 100.00 03-10")
    assert march.short(TAX) == ["only_left 100.00 R1", "only_right -100.00 V1"]


def test_a_line_without_number_is_the_receipt_of_its_amount() -> None:
    """A manual receipt of the treasury is the one receipt of its amount within five days."""
    march = receipts("number amount booked\nR1 100.00 03-10", "number amount booked\n- 100.00 03-15")
    assert march.breaks() == []
    assert march.passed(TAX) == {"same_amount": 1}
    assert len(receipts("number amount booked\nR1 100.00 03-10", "number amount booked\n- 100.00 03-16").breaks()) == 2


# Pass 4: payment and return.


def test_a_manual_receipt_and_its_refund() -> None:
    """Booked by hand and paid back, both without a number: the two cancel each other; of other amounts they do not."""
    march = receipts(NONE, "number amount booked\n- 100.00 03-10", refunds="number amount booked\n- 100.00 03-12")
    assert march.breaks() == []
    assert march.passed(TAX) == {"opposite": 1}
    march = receipts(NONE, "number amount booked\n- 100.00 03-10", refunds="number amount booked\n- 90.00 03-12")
    assert [b.cls for b in march.breaks()] == ["manual_receipt", "refund_unseen"]


def test_a_movement_nobody_knows_blocks() -> None:
    """A payment to a stranger is a break that blocks, in the month and after."""
    desk = Desk("account_activity")
    march = desk.settle("2022-03", bank=f"serial amount booked other\n30001 -500.00 03-10 {STRANGER}")
    april = desk.settle("2022-04", bank="serial amount booked\n40001 900.00 04-30")
    for month in (march, april):
        assert [(b.cls, b.difference, b.gate, b.origin) for b in month.breaks()] == [
            ("unknown_movement", Decimal(-500), "block", "2022-03")
        ]
