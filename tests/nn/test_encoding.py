from __future__ import annotations

import numpy as np
import pytest
import torch

from phase6c.data.scaling import bin_edges
from phase6c.nn.encoding import PiecewiseLinear

N_BINS = 3


def encoding_of(edges: list[list[float]]) -> PiecewiseLinear:
    encoding = PiecewiseLinear(len(edges), len(edges[0]) - 1)
    encoding.set_edges(torch.tensor(edges))
    return encoding


@pytest.mark.parametrize(
    ("value", "places"),
    [
        (-9.0, [-1, -1, -1]),
        (0.0, [-1, -1, -1]),
        (0.25, [-0.5, -1, -1]),
        (1.0, [1, -1, -1]),
        (2.0, [1, 0, -1]),
        (3.5, [1, 1, 0]),
        (9.0, [1, 1, 1]),
    ],
)
def test_a_value_has_a_place_in_each_bin(value: float, places: list[float]) -> None:
    encoding = encoding_of([[0.0, 1.0, 3.0, 4.0]])
    assert encoding(torch.tensor([[value]])).tolist() == [places]


def test_a_bin_of_equal_values_says_nothing() -> None:
    encoding = encoding_of([[0.0, 0.0, 1.0], [2.0, 2.0, 2.0]])
    assert encoding(torch.tensor([[0.5, 7.0], [-1.0, 2.0]])).tolist() == [
        [0, 0, 0, 0],
        [0, -1, 0, 0],
    ]


def test_features_stay_apart_and_in_order() -> None:
    encoding = encoding_of([[0.0, 1.0, 2.0], [0.0, 10.0, 20.0]])
    x = torch.tensor([[[1.5, 5.0]]])
    assert encoding(x).tolist() == [[[1, 0, 0, -1]]]


def test_bins_hold_equal_shares_of_the_train_rows_and_know_no_other_row() -> None:
    panel = np.random.default_rng(0).standard_normal((400, 2)).astype(np.float32)
    rows = np.arange(50, 350)
    edges = bin_edges(panel, rows, N_BINS)
    assert edges.shape == (2, N_BINS + 1)
    for column, own in zip(panel.T, edges, strict=True):
        counts, _ = np.histogram(column[rows], own)
        assert counts.tolist() == [100, 100, 100]
    panel[:50], panel[350:] = 99, -99
    assert np.array_equal(bin_edges(panel, rows, N_BINS), edges)
