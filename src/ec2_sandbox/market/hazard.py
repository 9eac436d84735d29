"""How the risk of an instance falls with its age. Pure; ages are in hours.

Public studies of Spot lifetimes find the first hours to be by far the most dangerous. Here the
hazard falls hyperbolically from its value at the start to a small floor: with a mean of 1/h in the
first hour it is about 0.4/h from one to three hours, 0.1/h from six to twelve and 0.02/h after two
days.
"""

from math import log1p

HALF_AGE_HOURS = 0.45  # at this age about half of the hazard is left
FLOOR = 0.006  # the share of it that never goes


def hazard_left(age_hours: float) -> float:
    """The hazard at an age, as a share of the hazard at the start."""
    return (1 - FLOOR) / (1 + age_hours / HALF_AGE_HOURS) + FLOOR


def seniority(age_hours: float) -> float:
    """How deep a shortage must be to take an instance of this age: from 0 at the start to 1."""
    return 1 - hazard_left(age_hours)


def hazard_met(age_hours: float) -> float:
    """``hazard_left`` integrated from the start to an age: shortages per hour times this are the
    interruptions that an instance is to expect by then."""
    fading = HALF_AGE_HOURS * log1p(age_hours / HALF_AGE_HOURS)
    return (1 - FLOOR) * fading + FLOOR * age_hours
