"""Probes are told as contrasts and as repeats, and no difference is claimed that is not there."""

import pytest

from phase6c.analysis.contrasts import Contrast
from phase6c.analysis.trials import of_study
from phase6c.report.probes import probes, repeats
from phase6c.statistics.bootstrap import PairedInterval


@pytest.fixture
def search(tmp_path, write_trials, study_config, trial_of):
    """Trial 0 and a variant of it, each probed with two seeds."""
    trials = [trial_of(0, 0.7, seed=1)]
    for number, (value, dropout) in enumerate([(0.68, 0.1), (0.70, 0.1), (0.6, 0.3), (0.64, 0.3)]):
        fields = {"dropout": dropout, "source": "probe", "contrast_of": 0}
        trials.append(trial_of(number + 1, value, seed=10 + number, **fields))
    return of_study(write_trials(tmp_path, study_config(epochs=1), trials))


def contrast(low, high):
    interval = PairedInterval(low=low, high=high, seed_error=0.01, date_error=0.01)
    return Contrast(
        base=0,
        base_label="trial 0",
        name="dropout",
        base_value=0.1,
        value=0.3,
        n_params=50_000,
        in_budget=True,
        seeds=(10, 11),
        trials=(3, 4),
        base_trials=(1, 2),
        n_failed=0,
        mean=0.62,
        base_mean=0.69,
        difference=(low + high) / 2,
        interval=interval,
        verdict="worse",
    )


def test_repeats_have_the_mean_and_spread_of_their_seeds(search):
    first, second = repeats(search).rows
    assert first[:4] == ("trial 0", 2, pytest.approx(0.69), pytest.approx(0.01 * 2**0.5))
    assert second[:3] == ("probe 3", 2, pytest.approx(0.62))
    assert second[-1] == "3 4"


def test_a_difference_that_excludes_zero_is_told_and_others_are_counted(search):
    section = probes(search, [contrast(-0.1, -0.04), contrast(-0.1, 0.04)])
    assert section.says[0] == "trial 0, dropout 0.1 -> 0.3: worse."
    assert section.says[1].startswith("1 of 2 differences cannot be told")
    difference = section.tables[0].rows[0][-2]
    assert (difference.low, difference.high) == (-0.1, -0.04)


def test_without_contrasts_the_repeats_are_told_alone(search):
    section = probes(search, [])
    assert section.says == ("No contrast was probed on two seeds or more.",)
    assert [table.name for table in section.tables] == ["repeats_by_probes"]
