"""How long an answer is waited for."""

import pytest

from spotkeeper.aws.endpoint import TIMEOUT_VARIABLE, Timeouts, timeouts
from spotkeeper.errors import BadInput


def test_one_number_of_seconds_moves_them_all() -> None:
    assert timeouts({}) == Timeouts(connect=5, read=20, launch=60)
    assert timeouts({TIMEOUT_VARIABLE: "60"}) == Timeouts(connect=15, read=60, launch=180)


@pytest.mark.parametrize("named", ["soon", "0", "-1", "nan", "inf"])
def test_what_is_no_number_of_seconds_is_refused(named: str) -> None:
    with pytest.raises(BadInput, match="SPOT_TIMEOUT"):
        timeouts({TIMEOUT_VARIABLE: named})
