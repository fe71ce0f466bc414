"""Wrong values of records are told in plain words, each place once."""

import pytest

from phase6c.config import parse
from phase6c.errors import ConfigError
from phase6c.tune.search.options import SearchOptions


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"n_trials": 0}, "n_trials must be at least 1 (found 0)"),
        ({"n_trials": "five"}, "n_trials must be a whole number (found 'five')"),
        ({"n_trials": "5"}, "n_trials must be a whole number (found '5')"),
        ({"gpus": "1"}, "gpus must be a whole number (found '1')"),
        ({"grace_period": "3"}, "grace_period must be a whole number or 'auto' (found '3')"),
        ({"epochs": 1.5}, "epochs must be a whole number (found 1.5)"),
        ({"grace_period": "x"}, "grace_period must be a whole number or 'auto' (found 'x')"),
        ({"searcher": 3}, "searcher must be 'optuna', 'hyperopt' or 'random' or a searcher of Ray"),
        ({"references": "january_best"}, "references must be a list (found 'january_best')"),
        ({"warm_start": 3}, "warm_start must be a text or a path (found 3)"),
        ({"name": ""}, "name must not be empty"),
        ({"n_trial": 3}, "n_trial: there is no such field (did you mean n_trials?)"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(values, said):
    with pytest.raises(ConfigError) as caught:
        parse(SearchOptions, values)
    assert said in str(caught.value)
    assert "Input" not in str(caught.value)


def test_all_wrong_values_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse(SearchOptions, {"n_trials": 0, "epochs": 0})
    assert caught.value.value == (
        "n_trials must be at least 1 (found 0); epochs must be at least 1 (found 0)"
    )
