"""Epochs may be parts of a pass: every window is seen before any is seen again."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from phase6c.nn.window_order import WindowOrder


@given(
    n_windows=st.integers(1, 60),
    counts=st.lists(st.integers(1, 90), min_size=1, max_size=8),
    seed=st.integers(0, 5),
)
def test_all_windows_are_seen_before_any_is_seen_again(n_windows, counts, seed):
    order = WindowOrder(seed)
    seen = torch.cat([order.take(count, n_windows) for count in counts])
    assert len(seen) == sum(counts)
    for start in range(0, len(seen), n_windows):
        part = seen[start : start + n_windows]
        assert len(part.unique()) == len(part)


@given(
    n_windows=st.integers(1, 40),
    before=st.lists(st.integers(1, 50), max_size=5),
    after=st.integers(1, 99),
)
def test_an_order_that_was_stored_goes_on_as_if_it_had_not_been(n_windows, before, after):
    order = WindowOrder(0)
    for count in before:
        order.take(count, n_windows)
    other = WindowOrder(1)
    other.stream.set_state(order.stream.get_state())
    other.go_to(order.position)
    assert other.take(after, n_windows).equal(order.take(after, n_windows))


def test_whole_passes_are_the_orders_that_the_stream_draws():
    order, expected = WindowOrder(3), WindowOrder(3).stream
    for _ in range(3):
        assert order.take(20, 20).equal(torch.randperm(20, generator=expected))
        assert order.position == 0
