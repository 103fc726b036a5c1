"""Registers: a rate that is known every quarter of an hour, and its integral since the beginning of the city.

1. Between two such nodes the rate is linear, plus one turn of a sine whose integral over the quarter is nothing: it
   looks alive, and the register still is the exact integral of the rate, at any time, asked in any order.
2. Rates are never negative, so registers never go down. The sine is at most ``liveliness`` (< 1) of the smaller node.
3. Nodes are computed in blocks of 32 days. Of past blocks only the sums are kept; the first question about a late time
   pays for them once.
"""

from collections.abc import Callable

import numpy as np

from simulators.chance import Floats, Ints, draw
from simulators.days import DAY_S, START_S

NODE_S = 900
NODES_A_DAY = DAY_S // NODE_S
BLOCK_DAYS = 32
_BLOCK = BLOCK_DAYS * NODES_A_DAY
_KEPT = 3

Rates = Callable[[Ints], Floats]
"""Whole days since the beginning (UTC, following each other) -> rate at their nodes, of shape (registers, nodes)."""


class Registers:
    """Registers of one kind, whose rates are ``rates`` per hour; so kW gives kWh, m³/h gives m³."""

    def __init__(self, rates: Rates, count: int, stream: int, *, liveliness: float) -> None:
        self._rates, self._stream, self._liveliness = rates, stream, liveliness
        self._starts = [np.zeros(count)]
        self._blocks: dict[int, tuple[Floats, Floats]] = {}

    def read(self, who: Ints, at: Floats) -> tuple[Floats, Floats]:
        """Return rate and register of ``who`` at ``at`` (seconds since 1970)."""
        position = (at - START_S) / NODE_S
        node = np.floor(position).astype(np.int64)
        part = position - node
        block = node // _BLOCK
        low, high, total = np.empty_like(at), np.empty_like(at), np.empty_like(at)
        for number in np.unique(block):
            here = block == number
            rates, sums = self._block(int(number))
            column = node[here] - number * _BLOCK
            row = who[here]
            low[here], high[here] = rates[row, column], rates[row, column + 1]
            total[here] = sums[row, column]
        turn = self._liveliness * np.minimum(low, high) * (2.0 * draw(self._stream, who, node) - 1.0)
        rate = low + (high - low) * part + turn * np.sin(2.0 * np.pi * part)
        wave = turn * (1.0 - np.cos(2.0 * np.pi * part)) / (2.0 * np.pi)
        return rate, total + (low * part + 0.5 * (high - low) * part * part + wave) * (NODE_S / 3600.0)

    def _block(self, number: int) -> tuple[Floats, Floats]:
        """Return the block's rates and, for each node, the register there."""
        while len(self._starts) <= number:
            self._compute(len(self._starts) - 1)
        if number not in self._blocks:
            self._compute(number)
        return self._blocks[number]

    def _compute(self, number: int) -> None:
        days = np.arange(number * BLOCK_DAYS, (number + 1) * BLOCK_DAYS + 1)
        rates = self._rates(days)[:, : _BLOCK + 1]
        sums = np.empty_like(rates)
        sums[:, 0] = self._starts[number]
        sums[:, 1:] = self._starts[number][:, None] + np.cumsum(
            0.5 * (rates[:, :-1] + rates[:, 1:]) * (NODE_S / 3600.0), axis=1
        )
        if len(self._starts) == number + 1:
            self._starts.append(sums[:, -1].copy())
        if len(self._blocks) == _KEPT:
            del self._blocks[next(iter(self._blocks))]  # the one computed first
        self._blocks[number] = (rates, sums)


def nodes_of(days: Ints) -> Floats:
    """Return the times of all nodes of these days, seconds since 1970."""
    return START_S + (days[:, None] * float(DAY_S) + np.arange(NODES_A_DAY) * float(NODE_S)).ravel()
