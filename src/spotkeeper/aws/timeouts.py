"""How long an answer of AWS is waited for, in seconds."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from spotkeeper.errors import BadInput

#: For lines on which AWS takes long to answer, or never does.
TIMEOUT_VARIABLE = "SPOT_TIMEOUT"
USUAL_SECONDS = 20.0


class Timeouts(NamedTuple):
    """Seconds to wait for a connection, for the answer of a call, and of a launch.

    A launch is given longer: to give one up is to look for what came of it.
    """

    connect: float
    read: float
    launch: float


def timeouts(environment: Mapping[str, str]) -> Timeouts:
    """Those for calls that take up to ``SPOT_TIMEOUT`` seconds.

    Raises:
        BadInput: the variable is not a number of seconds.
    """
    named = environment.get(TIMEOUT_VARIABLE)
    try:
        read = float(named) if named else USUAL_SECONDS
    except ValueError:
        read = math.nan
    if not 0 < read < math.inf:
        raise BadInput(
            f"{TIMEOUT_VARIABLE} is {named!r}",
            next_step="Give it the seconds to wait for an answer of AWS, such as 60.",
        )
    return Timeouts(connect=read / 4, read=read, launch=read * 3)
