"""The one family of errors medpool raises: each says what is wrong, where, what was expected and what to do."""

from __future__ import annotations


class MedpoolError(Exception):
    """An error written for the person who must act on it.

    ``what`` is the fact; ``where`` the file, sheet, row, column or key; ``expected`` what would have been right;
    ``do`` the next step. The command line prints these and exits with ``exit_code``, never with a traceback.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", expected: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.expected, self.do = what, where, expected, do

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.do:
            lines.append(f"  do: {self.do}")
        return "\n".join(lines)


class ConfigurationError(MedpoolError):
    """A rulebook, contract, calendar, place or setting is wrong; ``where`` names file, key and line."""


class InputError(MedpoolError):
    """Something the user gave (a month, a path, a row id) cannot be used."""


class RefusedError(InputError):
    """An answer that does not count: from somebody who may not give it, or without the reason it needs. It is asked for again."""


class SettlementError(MedpoolError):
    """A promise of the program itself does not hold (rows lost, sums that differ): nothing is published."""

    exit_code = 3


class StoreError(MedpoolError):
    """The control database or the warehouse cannot be used, or a month is not there."""


class BlockedError(MedpoolError):
    """The month's breaks forbid its settlement: nothing new is published until they are ended or a person overrides."""

    exit_code = 4


class ApprovalNeededError(BlockedError):
    """What is reviewed has not been approved, or was rejected: nothing new is published until somebody approves it."""

    exit_code = 5


class UnspecifiedError(MedpoolError):
    """A notice leaves this to a later rule (G6), and no supplement supplies it."""
