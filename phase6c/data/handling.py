"""What is done with bars that break the rules: the user's choice, stored with the study."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from phase6c.config import Record

OnFault = Literal["stop", "drop"]
Share = Annotated[float, Field(ge=0, le=1)]
# More than these shares are no slips of a good source.
ROW_LIMIT, TICKER_LIMIT = 0.01, 0.05


class Handling(Record):
    """What is done with bad rows and bad tickers.

    Attributes:
        bad_rows: Whether rows that break a rule are refused or left out.
        bad_tickers: Whether tickers that cannot be used are refused or left out.
        bad_limit: Largest share of the rows, and of the tickers, that may be left out; a share of
            less than one row or ticker allows one.
        accept_events: Whether prices that jump tenfold and gaps of months are taken as real;
            windows and labels do not reach across such a gap.
    """

    bad_rows: OnFault = "stop"
    bad_tickers: OnFault = "stop"
    bad_limit: tuple[Share, Share] = (ROW_LIMIT, TICKER_LIMIT)
    accept_events: bool = False

    def most_rows(self, n_rows: int) -> int:
        """How many of so many rows may be left out."""
        return math.ceil(self.bad_limit[0] * n_rows)

    def most_tickers(self, n_tickers: int) -> int:
        """How many of so many tickers may be left out."""
        return math.ceil(self.bad_limit[1] * n_tickers)
