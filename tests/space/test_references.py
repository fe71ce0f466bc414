"""The rule on tokens, and the references of the earlier search."""

from __future__ import annotations

import pytest

from phase6c.space.references import TOKENS, rules_of_today


@pytest.mark.parametrize(
    ("context_days", "patch_days", "allowed"),
    [
        *((days, days, True) for days in (1, 2, 4)),
        *((days, days, False) for days in (8, 16, 32)),
        *((2, 1, True), (16, 1, True), (32, 2, True), (32, 1, False)),
    ],
)
def test_a_single_token_is_for_windows_of_up_to_four_days(context_days, patch_days, allowed):
    values = {"context_days": context_days, "patch_days": patch_days}
    assert TOKENS.allows(values) is allowed


def test_a_rule_is_known_by_its_former_name():
    assert rules_of_today(["a window has 2 to 16 tokens", "another"]) == [TOKENS.name, "another"]
