"""Probes in a study are checked as what they are: contrasts of a trial, beside the search."""

import pytest

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.views.json_files import all_trials
from phase6c.verify.ledger import check_trials
from phase6c.verify.views import check_all_trials, check_complete


def found(findings):
    return [str(one) for one in findings if not one.harmless]


@pytest.fixture
def with_probe(trial_of):
    """A searched trial and one probe of it, whose fields can be set by name."""

    def build(**fields):
        fields = {
            "source": "probe",
            "contrast_of": 0,
            "n_params": 20_000,
            "in_budget": False,
        } | fields
        return {0: trial_of(0, 0.7), 1: trial_of(1, 0.6, seed=5, **fields)}

    return build


@pytest.mark.parametrize("changed", [{}, {"dropout": 0.3}, {"contrast_of": 1, "n_heads": 2}])
def test_a_probe_may_repeat_a_trial_or_vary_one_field_outside_the_budget(
    with_probe, study_config, changed
):
    assert not found(check_trials(with_probe(**changed), study_config(n_trials=1)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"contrast_of": None}, "A probe must be the contrast of a trial; found: trial 1 of None"),
        ({"contrast_of": 9}, "A probe must be the contrast of a trial; found: trial 1 of 9"),
        (
            {"dropout": 0.3, "n_heads": 2},
            "one field at most; found: trial 1 of trial 0: n_heads, d",
        ),
        (
            {"source": "reference"},
            "A contrast must be a probe; found: trial 1, reference",
        ),
    ],
)
def test_what_is_no_matched_contrast_is_found(with_probe, study_config, changed, message):
    (finding,) = found(check_trials(with_probe(**changed), study_config()))
    assert message in finding


def test_a_study_is_complete_whatever_its_probes_do(with_probe, study_config):
    trials = with_probe(state="RUNNING")
    assert not list(check_complete(study_config(n_trials=1, complete=True), trials))


def test_of_a_complete_study_the_view_may_be_behind_its_probes_alone(
    tmp_path, birth, measured, study_config
):
    config = study_config(n_trials=1, complete=True)
    ledger, rows = Ledger(tmp_path / FILE_NAME), []
    ledger.listen(lambda row, _: rows.append(row))
    ledger.append("trial", 0, **birth())
    ledger.append(
        "result", 0, measurement=measured(1, 0.6).model_dump(mode="json"), decision="complete"
    )
    before = all_trials(config, ledger.trials)
    ledger.append("trial", 1, **birth(seed=5, source="probe", contrast_of=0))
    (note,) = check_all_trials(before, config, rows, ledger.trials)
    assert note.harmless
    ledger.append("trial", 2, **birth(seed=6))
    ledger.close()
    del ledger.trials[1]
    (finding,) = check_all_trials(before, config, [*rows[:2], rows[-1]], ledger.trials)
    assert not finding.harmless
