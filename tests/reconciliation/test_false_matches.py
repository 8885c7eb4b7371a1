"""What must never be matched: each test is a false match, or a break that vanished, that was once possible."""

from decimal import Decimal
from typing import Any

import pytest

from tests.reconciliation.desk import HERE, STRANGER, THERE, Desk, Settled

P, S, K, N = "tax_treasury", "treasury_fiscal", "account_activity", "number amount booked"
MISSING = [{"contract": "treasury_receipts", "part": ""}]


def classes(settled: Settled) -> list[str]:
    return sorted(f"{b.cls} {b.difference}" for b in settled.breaks())


def march(pair: str = P, **t: Any) -> Settled:
    return Desk(pair).settle("2022-03", **t)


def test_explained_sum_goes_on() -> None:
    """What is explained is still there: money that comes for it later ends it and is no surplus."""
    d = Desk(S)
    (x,) = d.settle("2022-03", treasury=f"{N}\nR1 100 03-10", bank="serial amount booked\n1 60 03-31").breaks()
    a = d.settle(
        "2022-04",
        treasury=f"{N}\nR2 500 04-10",
        bank="serial amount booked\n2 540 04-30",
        decided=[(x.name, "explained", x.difference)],
    )
    assert a.breaks() == []


def test_explained_receipt_is_cleared_when_it_comes() -> None:
    """An explained receipt is matched when its counterpart comes."""
    d = Desk(P)
    (x,) = d.settle("2022-03", tax=f"{N}\nR1 100 03-10", treasury=N).breaks()
    assert (
        d.settle(
            "2022-04", tax=N, treasury=f"{N}\nR1 100 04-05", decided=[(x.name, "explained", x.difference)]
        ).breaks()
        == []
    )


def test_a_rest_resolved_does_not_take_back_what_came() -> None:
    """What a person ends is the rest that stands, not what was carried."""
    d = Desk(S)
    d.settle("2022-03", treasury=f"{N}\nR1 100 03-10", bank="serial amount booked\n1 10 03-31")
    april = {"treasury": f"{N}\nR2 500 04-10", "bank": "serial amount booked\n2 550 04-30"}
    (x,) = d.look("2022-04", **april).breaks()
    assert [
        (b.name, b.difference, b.state)
        for b in d.look("2022-04", decided=[(x.name, "cleared", x.difference)], **april).breaks()
    ] == [(x.name, Decimal(40), "cleared")]


def test_money_outside_the_city_treasury_is_nobodys_match() -> None:
    """A line at county level is not matched by amount or batch: it stays a wrong level."""
    for tax in ("R1 100 03-10", "R1 60 03-10\nR2 40 03-10"):
        m = march(tax=f"{N}\n{tax}", treasury="number amount booked level\n- 100 03-10 county")
        assert "wrong_level -100.00" in classes(m), tax


def test_nor_when_the_receipt_comes_later() -> None:
    """Nor does a receipt of the next month make it right; a correction does."""
    d = Desk(P)
    d.settle("2022-03", tax=N, treasury="number amount booked level\nV1 100 03-31 county")
    assert classes(d.look("2022-04", tax=f"{N}\nV1 100 04-01", treasury=N)) == ["wrong_level 100.00"]
    assert (
        d.look(
            "2022-04",
            tax=f"{N}\nV1 100 04-01",
            treasury=N,
            corrections="number amount booked was_level level\nV1 100 04-08 county city",
        ).breaks()
        == []
    )


def test_a_refund_does_not_cancel_another_receipt() -> None:
    """A refund and a stray receipt of the same amount are two breaks."""
    assert classes(march(tax=N, treasury=f"{N}\nV1 380 03-10", refunds=f"{N}\nR0 380 03-12")) == [
        "only_right -380.00",
        "refund_unseen 380.00",
    ]


def test_strangers_are_not_one() -> None:
    """A payment to one stranger and money from another do not cancel each other."""
    m = march(K, bank=f"serial amount booked other\n1 -500 03-10 {STRANGER}\n2 500 03-14 999")
    assert len(m.breaks()) == 2


def test_numbers_are_no_batch() -> None:
    """Receipts with numbers are no batch of a line with another number."""
    assert len(march(tax=f"{N}\nR1 60 03-10\nR2 40 03-10", treasury=f"{N}\nV7 100 03-10").breaks()) == 3


def test_missing_file_makes_up_for_nothing() -> None:
    """A file that did not come says nothing of what earlier months left open."""
    d = Desk(S)
    d.settle("2022-03", treasury=f"{N}\nR1 100 03-10", bank="serial amount booked\n1 60 03-31")
    assert classes(d.settle("2022-04", bank="serial amount booked\n2 1000 04-30", missing=MISSING)) == [
        "file_missing -1000.00",
        "not_transferred 40.00",
    ]


def test_no_more_refunded_than_paid() -> None:
    """No more is a refund than was paid in; what is more has no ground."""
    row = f"{N}\nR1 100 03-10"
    assert classes(march(tax=row, treasury=row, refunds=f"{N}\nR1 1000 03-12")) == [
        "refund 100.00",
        "refund_unfounded 900.00",
    ]


def test_nothing_is_refunded_twice() -> None:
    """What was refunded in an earlier month, however long ago, or twice in one, is paid back without ground."""
    row = f"{N}\nR1 100 03-10"
    d = Desk(P)
    assert classes(d.settle("2022-03", tax=row, treasury=row)) == []
    twice = d.look("2022-04", tax=N, treasury=N, refunds=f"{N}\nR1 100 04-12\nR1 100 04-13")
    assert classes(twice) == ["refund 100.00", "refund_unfounded 100.00"]
    for month, found in (("04", ["refund 60.00"]), ("05", []), ("06", ["refund 40.00", "refund_unfounded 20.00"])):
        refunds = f"{N}\nR1 60 {month}-12" if found else N
        settled = d.settle(f"2022-{month}", tax=N, treasury=N, refunds=refunds)
        assert classes(settled) == found
    assert [(b.cls, b.owner, b.gate) for b in settled.breaks()] == [
        ("refund", "treasury", "expected"),
        ("refund_unfounded", "treasury", "warn"),
    ]


def test_a_refund_of_what_no_month_has() -> None:
    """Of a receipt that is in no month settled, whose list is missing, or that is not named, nobody can say."""
    d = Desk(P)
    first = d.settle("2022-03", tax=f"{N}\nR1 100 03-10", refunds=f"{N}\nR0 380 03-12\n- 70 03-12", missing=MISSING)
    assert classes(first) == ["file_missing 100.00", "refund_unseen 380.00", "refund_unseen 70.00"]
    second = d.settle("2022-04", tax=N, treasury=N, refunds=f"{N}\nR0 380 04-12\nR1 100 04-12")
    assert classes(second) == ["refund_unseen 100.00", "refund_unseen 380.00"]
    assert {b.gate for b in [*first.breaks(), *second.breaks()] if b.cls == "refund_unseen"} == {"expected"}


@pytest.mark.parametrize("home", [HERE, THERE])
def test_a_receipt_refunded_in_two_counties(home: str) -> None:
    """Refunded by two tax offices, a receipt is paid back once, and rightly where it was booked; also where the first ends its break."""
    number = "number amount county booked"
    refunds = f"{number}\nR1 100 {HERE} 04-12\nR1 100 {THERE} 04-12"
    other = THERE if home == HERE else HERE
    for tax, found in ((f"{number}\nR1 100 {home} 03-10", [("refund", home)]), (N, [])):
        d = Desk(P)
        d.settle("2022-03", tax=tax, treasury=f"{number}\nR1 100 {home} 03-10")
        april = d.settle("2022-04", tax=N, treasury=N, refunds=refunds)
        assert sorted((b.cls, b.county) for b in april.breaks()) == sorted([*found, ("refund_unfounded", other)])


def test_a_corrected_receipt_is_refunded_where_it_is() -> None:
    """What a correction brought in may be paid back; what one took out may not; one within the funds changes nothing."""
    moved = "number amount booked was_subject subject"
    refunds = f"{N}\nR1 100 04-12"
    row = f"{N}\nR1 100 03-10"
    for was, now, booked, found in (
        ("1030199", "1020301", N, ["refund 100.00"]),
        ("1020301", "1030199", row, ["refund_unfounded 100.00"]),
        ("1021201", "1020301", N, ["refund_unseen 100.00"]),
    ):
        d = Desk(P)
        d.settle("2022-03", tax=row, treasury=booked, corrections=f"{moved}\nR1 100 03-20 {was} {now}")
        april = d.settle("2022-04", tax=N, treasury=N, refunds=refunds)
        assert [name for name in classes(april) if name.startswith("refund")] == found


def test_a_second_refund_of_what_the_tax_list_lacks() -> None:
    """A receipt only the treasury had, paid back again and again: the first ends its break, the others have no ground."""
    d = Desk(P)
    d.settle("2022-03", tax=N, treasury=f"{N}\nR1 100 03-10")
    for times in (1, 2, 3):
        april = d.look("2022-04", tax=N, treasury=N, refunds=N + "\nR1 100 04-12" * times)
        assert classes(april) == [f"refund_unfounded {times - 1}00.00"][: times - 1]


def test_a_refund_takes_back_what_was_booked_too_much() -> None:
    """Of 150 booked for 100, the refund of 50 ends the break; one of all 150 leaves what the payer paid."""
    d = Desk(P)
    d.settle("2022-03", tax=f"{N}\nR1 100 03-10", treasury=f"{N}\nR1 150 03-10")
    assert classes(d.look("2022-04", tax=N, treasury=N, refunds=f"{N}\nR1 50 04-12")) == []
    assert classes(d.look("2022-04", tax=N, treasury=N, refunds=f"{N}\nR1 50 04-12\nR1 100 04-13")) == ["refund 100.00"]


def test_in_transit_is_no_manual_receipt() -> None:
    """What the tax list says is not booked is not found by its amount."""
    assert len(march(tax="number amount booked paid\nR1 100 - 03-30", treasury=f"{N}\n- 100 03-29").breaks()) == 2


def test_serials_begin_anew_each_month() -> None:
    """A bank's serial number of another month is another movement."""
    d = Desk(K)
    d.settle("2022-03", bank=f"serial amount booked other\n1 -500 03-10 {STRANGER}")
    assert len(d.settle("2022-04", bank="serial amount booked other\n1 500 04-30 999").breaks()) == 2


def test_order_of_unnumbered_rows() -> None:
    """The order of rows without a number changes no break's name."""
    t = ["- 100 03-10 county", "- 100 03-10 city"]
    head = "number amount booked level\n"
    a, b = (march(tax=N, treasury=head + "\n".join(rows)) for rows in (t, t[::-1]))
    assert a.breaks() == b.breaks()
