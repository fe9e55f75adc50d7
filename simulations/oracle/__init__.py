"""The best that was possible: the cheapest fleet that always covers a need known beforehand."""

from simulations.oracle.clairvoyant import Clairvoyant
from simulations.oracle.need import held, needed
from simulations.oracle.optimum import Costs, Plan, cost_of, optimum, regret

__all__ = ["Clairvoyant", "Costs", "Plan", "cost_of", "held", "needed", "optimum", "regret"]
