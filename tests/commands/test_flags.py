"""Fields in the library's messages become the flags of the command that is running."""

from __future__ import annotations

import pytest

from phase6c.commands.evaluate import main as evaluate
from phase6c.commands.flags import flags_of, in_flags
from phase6c.commands.probe import main as probe
from phase6c.commands.tune import main as tune


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Add `resume=True` to go on, or choose another `name`.",
            "Add --resume to go on, or choose another --name.",
        ),
        ("fewer `n_trials` or a `time_budget_s`", "fewer --trials or a --time-budget"),
        ("Use `grace_period='auto'`.", "Use --grace-period auto."),
        ("Use `seed=1`.", "Use --seed 1."),
        ("Set `data.tier` or `horizon_days`.", "Set --tier or --horizon."),
        ("Pin `pins={'dropout': 0.1, 'n_layers': 2}`.", "Pin --set dropout=0.1 --set n_layers=2."),
        ("Leave `batch_size` as it is.", "Leave `batch_size` as it is."),
        ("`out=my folder`", "--out my folder"),
        ("no field at all", "no field at all"),
    ],
)
def test_a_field_is_said_as_its_flag(text, said):
    assert in_flags(text, flags_of(tune)) == said


def test_values_to_vary_are_said_as_they_are_typed():
    flags = flags_of(probe)
    assert in_flags("Use `vary={'n_heads': [2, 4]}`.", flags) == "Use --vary n_heads=2,4."
    assert in_flags("Use `base='best'`.", flags) == "Use --base best."


def test_a_field_that_the_command_has_no_flag_for_stays():
    assert in_flags("fewer `n_trials`", flags_of(evaluate)) == "fewer `n_trials`"
