"""Rehearsal files: a month of a city as its offices would send it, from a seed, with faults planted on request.

Without faults the files agree to the fen. What was planted, and what medpool must find, is written beside the month's
folder. The people, employers and account numbers are invented.
"""

from medpool_etl.simulator.expected import Expected, Planted
from medpool_etl.simulator.faults import FAULTS, Fault
from medpool_etl.simulator.orders import Order
from medpool_etl.simulator.profile import rehearsed_cities
from medpool_etl.simulator.simulate import Simulation, simulate
from medpool_etl.simulator.yearly import simulate_year_files

__all__ = [
    "FAULTS",
    "Expected",
    "Fault",
    "Order",
    "Planted",
    "Simulation",
    "rehearsed_cities",
    "simulate",
    "simulate_year_files",
]
