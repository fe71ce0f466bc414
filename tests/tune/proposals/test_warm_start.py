"""What a search takes over from an earlier one, and that a resume needs its source no more."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from phase6c.config import DataConfig, TrialConfig, parse
from phase6c.errors import ConfigError, DataError
from phase6c.nn.model import count_parameters
from phase6c.space.references import find_references
from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.study_config import TRIALS_FILE, StudyConfig, write_study_config
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.warm_start import read_warm_start
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.resume import check_resumable
from phase6c.tune.search.searcher import StudySearcher
from search_spaces import budget_2m, tiny

from ..rig import ended

pytestmark = pytest.mark.usefixtures("short_demo_bars")

count = partial(count_parameters, n_features=30)
RATES = (1e-5, 5e-5, 1e-4, 2e-4, 5e-4)


@pytest.fixture
def study(tmp_path, study_config, birth, measured):
    """A stored study with one complete trial a value; a word is the cause of a failure."""

    def store(*values, name="earlier", **fields):
        folder = tmp_path / name
        folder.mkdir()
        write_study_config(folder, study_config(**fields))
        ledger = Ledger(folder / FILE_NAME)
        for number, value in enumerate(values):
            ledger.append("trial", number, **birth(learning_rate=RATES[number]))
            if isinstance(value, str):
                error = {"kind": value, "message": "told"}
                ledger.append("failed", number, state="FAILED", error=error)
            elif value is not None:
                one = measured(1, value).model_dump(mode="json")
                ledger.append("result", number, measurement=one, decision="complete")
        ledger.close()
        return folder

    return store


@pytest.fixture
def plan(sp500, tmp_path):
    def build(**options):
        small = {"out": str(tmp_path), "data": {"tier": "a20"}}
        return plan_study(tiny.SPACE, sp500, parse(SearchOptions, {**small, **options}))

    return build


@pytest.fixture
def started(plan, study):
    """A planned study that was warm-started, its configuration on disk."""
    planned = plan(warm_start=study(0.6, 0.7))
    planned.folder.mkdir(parents=True)
    write_study_config(planned.folder, planned.config)
    return planned


def take(folder, space=tiny.SPACE, **data):
    return read_warm_start(folder, space, count, DataConfig(**data))


def rates(starts):
    return [values["learning_rate"] for values in starts]


def test_the_three_best_start_and_all_that_ended_make_the_prior(study):
    taken = take(study(0.6, 0.9, 0.7, 0.8, None))
    assert rates(taken.starts) == [RATES[1], RATES[3], RATES[2]]
    assert [point.score for point in taken.points] == [0.6, 0.9, 0.7, 0.8]
    assert (taken.n_told, taken.lacks) == (5, ("no value",))


def test_a_divergence_counts_as_the_worst_and_a_bug_not_at_all(study):
    taken = take(study(0.6, "diverged", 0.7, "bug", "oom"))
    assert rates(taken.starts) == [RATES[2], RATES[0]]
    assert [point.score for point in taken.points] == [0.6, 0.6, 0.7, 0.6]


def test_of_losses_the_lower_are_taken(study):
    taken = take(study(0.6, 0.5, objective="log_loss"))
    assert rates(taken.starts) == [RATES[1], RATES[0]]


def test_another_budget_tier_and_horizon_are_fitted(study):
    taken = take(study(0.6, 0.7), budget_2m.SPACE, tier="a20", horizon_days=5)
    for values in taken.starts:
        assert budget_2m.SPACE.complete(values, count) == values


def test_another_label_is_refused(study):
    with pytest.raises(ConfigError, match=r"high in .*, close here") as caught:
        take(study(0.6), label="close")
    assert caught.value.exit_code == 2


def test_a_source_without_a_value_or_a_study_is_refused(study, tmp_path):
    with pytest.raises(DataError, match="none of 0"):
        take(study(None, "diverged"))
    with pytest.raises(DataError, match="there is no such file or folder"):
        take(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds the studies earlier"):
        take(tmp_path)


def test_the_view_of_a_study_stands_for_the_study(study):
    """Of losses the smaller are the better, which the view alone does not say."""
    folder = study(0.6, 0.4, 0.5, objective="log_loss")
    (folder / TRIALS_FILE).write_text(json.dumps({"schema": "phase6c.all_trials/1", "trials": []}))
    assert take(folder / TRIALS_FILE).starts == take(folder).starts
    alone = folder.parent / TRIALS_FILE
    (folder / TRIALS_FILE).rename(alone)
    with pytest.raises(DataError, match="read with its study's folder"):
        take(alone)


def test_trials_that_tell_no_axis_are_left_out(tmp_path):
    path = tmp_path / "trials.json"
    foreign = {"params": {"lr": 1e-5, "hidden": 3}, "value": 0.9}
    told = {"params": {"learning_rate": 1e-3}, "value": 0.7}
    path.write_text(json.dumps([foreign, told]))
    taken = take(path)
    assert [point.score for point in taken.points] == [0.7]
    assert taken.n_told == 2
    assert "dropout" in taken.untold
    assert not {"learning_rate", "context_days"} & set(taken.untold)
    path.write_text(json.dumps([foreign, told, told | {"value": float("nan")}]))
    assert (take(path).n_told, take(path).lacks) == (3, ("no value",))
    path.write_text(json.dumps([foreign]))
    with pytest.raises(DataError, match="none of 1; the space's axes are"):
        take(path)


def test_a_file_of_trials_is_taken_over(tmp_path):
    path = tmp_path / "all_trials.json"
    params = {"d_model": 96, "n_layers": 2, "n_heads": 8, "d_ff_ratio": 4, "dropout": 0.1}
    trials = [
        {"params": params | {"learning_rate": rate, "weight_decay": 1e-3}, "auc": 0.7 + rate}
        for rate in RATES
    ]
    path.write_text(json.dumps({"trials": trials}))
    taken = take(path, budget_2m.SPACE)
    assert len(taken.starts) == 3
    assert len(taken.points) == 5
    assert taken.starts[0]["n_heads"] == 8


def test_what_was_taken_survives_study_json(study, study_config):
    config = study_config(warm_start=take(study(0.6, 0.7)))
    assert StudyConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config


def lead(proposals, start, number):
    """Runs a start as trial `number`, better than the two sampled trials that follow it."""
    runs = [("warm_start", start, 0.9), *(("sampled", drawn(seed), 0.5) for seed in range(2))]
    for place, (source, values, value) in enumerate(runs, start=number):
        proposals.reserve(TrialConfig.from_flat(values))
        proposals.learn(ended(place, values, value, source))


def drawn(seed):
    return tiny.SPACE.sample(np.random.default_rng(seed), count)


def test_starts_follow_each_other_as_long_as_they_lead(study):
    taken = take(study(0.6, 0.9, 0.7))
    proposals = Proposals(tiny.SPACE, count, None, "auc", 0, (), taken)
    handed = []
    while (values := proposals.next_start()) is not None:
        handed.append(values)
        lead(proposals, values, 3 * len(handed))
    assert rates(handed) == [RATES[1], RATES[2], RATES[0]]


def test_axes_that_came_after_a_warm_start_have_their_defaults_in_it(study):
    since = {"bins": 0, "auxiliary": "none", "half_life_days": "none"}
    axes = {name: axis for name, axis in tiny.SPACE.axes.items() if name not in since}
    taken = read_warm_start(study(0.6, 0.7), replace(tiny.SPACE, axes=axes), count, DataConfig())
    assert not any(since.keys() & point.values.keys() for point in taken.points)
    proposals = Proposals(tiny.SPACE, count, None, "auc", 0, (), taken)
    assert proposals.next_start().items() >= since.items()


def test_a_start_that_was_tried_or_comes_twice_is_left_out(study):
    taken = take(study(0.6, 0.9, 0.7))
    twice = taken.model_copy(update={"starts": (taken.starts[0], *taken.starts)})
    proposals = Proposals(tiny.SPACE, count, None, "auc", 0, (), twice)
    proposals.reserve(TrialConfig.from_flat(taken.starts[1]))
    handed = []
    while (values := proposals.next_start()) is not None:
        handed.append(values)
        lead(proposals, values, 3 * len(handed))
    assert rates(handed) == [RATES[1], RATES[0]]


def test_no_proposal_repeats_a_start_that_was_tried(study):
    taken = take(study(0.6, 0.9, 0.7))
    proposals = Proposals(tiny.SPACE, count, None, "auc", 0, (), taken)
    start = proposals.next_start()
    proposals.reserve(TrialConfig.from_flat(start))
    assert all(proposals.next(number) != start for number in range(20))


def test_after_a_resume_the_next_start_waits_for_the_one_that_runs(study):
    taken = take(study(0.6, 0.9, 0.7))
    running = ended(0, taken.starts[0], None, "warm_start", state="RUNNING")
    proposals = Proposals(tiny.SPACE, count, None, "auc", 0, [running], taken)
    assert proposals.next_start() is None
    lead(proposals, taken.starts[0], 0)
    assert rates([proposals.next_start()]) == [RATES[2]]


def test_a_plan_holds_what_it_takes_over(plan, study):
    folder = study(0.6, 0.7)
    taken = plan(warm_start=folder).config.warm_start
    assert taken.source == str(folder)
    assert rates(taken.starts) == [RATES[1], RATES[0]]


def test_a_resume_goes_on_without_the_source(plan, started, tmp_path):
    (tmp_path / "earlier").rename(tmp_path / "elsewhere")
    for given in ({}, {"warm_start": tmp_path / "earlier"}, {"warm_start": tmp_path / "elsewhere"}):
        again = plan(resume=True, **given)
        assert again.config.warm_start == started.config.warm_start


def test_a_resume_with_another_source_is_refused(plan, started, study):
    other = study(0.8, name="other")
    with pytest.raises(ConfigError, match=r"warm_start: .*earlier \(.* -> .*other \("):
        plan(resume=True, warm_start=other)


def test_a_study_that_was_started_cold_is_not_warmed_later(study, study_config):
    warm = study_config(warm_start=take(study(0.6)))
    with pytest.raises(ConfigError, match=r"warm_start: None -> .*earlier"):
        check_resumable(study_config(), warm)


def test_starts_run_after_references_and_count_as_trials(study, tmp_path):
    taken = take(study(0.6, 0.9, 0.7))
    ledger = Ledger(tmp_path / FILE_NAME)
    searcher = StudySearcher(
        ledger,
        Proposals(tiny.SPACE, count, None, "auc", 0, (), taken),
        build,
        find_references(["january_best"]),
        4,
        tiny.BUDGET.contains,
        {"provenance": {"code_version": "7"}},
        Halt(),
    )
    searcher.set_max_concurrency(10)
    while searcher.suggest(f"ray-{len(ledger.trials)}") is not None:
        pass
    trials = [ledger.trials[number] for number in sorted(ledger.trials)]
    ledger.close()
    assert [one.source for one in trials] == ["reference", "warm_start", *["sampled"] * 3]
    assert trials[1].params == taken.starts[0]
    assert all(one.in_budget for one in trials[1:])


def build(values, number):
    config = TrialConfig.from_flat({**values, "seed": number})
    return config, count(config.model)
