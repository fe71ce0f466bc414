"""Probes train matched contrasts in a study and leave its search as it was."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ray.tune.search import Searcher

import phase6c
from phase6c.config import parse
from phase6c.data.bars import Bars
from phase6c.errors import ConfigError, DataError, FolderError, StudyFailedError
from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.study import load_study
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.study.study_folder import cache_path, open_folder
from phase6c.tune.probe.estimate import estimate_probe
from phase6c.tune.probe.plan import by_digest
from phase6c.tune.probe.run import ProbeJob, ProbeSearcher, known_trials, plan_probe, run_probe
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.planned import planned_machines
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.verify.study import verify
from search_spaces import tiny

pytestmark = pytest.mark.usefixtures("short_demo_bars")

A20 = {"tier": "a20"}
SHAPE = {"context_days": 16, "patch_days": 4, "n_heads": 4, "d_ff_ratio": 2, "dropout": 0.1}
PAYLOAD = {"study_folder": "here", "study_id": "x", "provenance": {"code_version": "7"}}


@pytest.fixture
def study(tmp_path: Path, sp500: Bars, measured, computed: Path) -> Path:
    """The folder of a search of four trials that trained nothing; trial 1 is the best."""
    options = {"out": str(tmp_path), "data": A20, "n_trials": 4, "epochs": 2}
    plan = plan_study(tiny.SPACE, sp500, parse(SearchOptions, options), computed)
    cache_path(tmp_path).symlink_to(computed)
    plan.folder.mkdir(parents=True)
    write_study_config(plan.folder, plan.config.model_copy(update={"complete": True}))
    ledger = Ledger(plan.folder / FILE_NAME)
    rng = np.random.default_rng(0)
    for number, value in enumerate((0.6, 0.7, 0.65, 0.5)):
        values = replace(plan.space, fixed={}).sample(rng, plan.count) | SHAPE
        values |= {
            "n_layers": 1 + number % 2,
            "d_model": 64,
            "learning_rate": 10.0 ** -(number + 2),
        }
        config, n_params = plan.build_trial(plan.config.train, values, number)
        ledger.append(
            "trial",
            number,
            seed=config.seed,
            params=values,
            config=config.model_dump(mode="json"),
            n_params=n_params,
            in_budget=True,
        )
        complete(ledger, number, [measured(1, value), measured(2, value)])
    ledger.close()
    return plan.folder


def complete(ledger: Ledger, number: int, measurements, last: str = "complete") -> None:
    for one in measurements:
        decision = last if one is measurements[-1] else "continue"
        result = one.model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision=decision)


@pytest.mark.parametrize(
    ("base", "numbers"),
    [("best", [1]), ("top:2", [1, 2]), ("top:9", [1, 2, 0, 3]), ("trial:3", [3])],
)
def test_a_base_is_found_in_its_study(study, base, numbers, caplog):
    plan = plan_probe(study, base, {"dropout": [0.2]})
    assert [one.number for one in plan.bases] == numbers
    few = "Only 4 trials may be called the best" in caplog.text
    assert few == (base == "top:9")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("worst", "`base` must be best, top:K, trial:N or reference:NAME"),
        ("top:0", "`base` must be"),
        ("trial:4", "has 4 trials"),
        ("reference:january_bets", "Did you mean january_best"),
    ],
)
def test_a_base_that_is_not_there_is_refused(study, base, message):
    with pytest.raises(ConfigError, match=message):
        plan_probe(study, base, {"dropout": [0.2]})


def test_a_study_without_a_best_trial_says_so(study):
    with open_folder(study, resume=True, overwrite=False):
        (study / FILE_NAME).write_text("")
    with pytest.raises(ConfigError, match="need a trial that may be called the best"):
        plan_probe(study, "best", {"dropout": [0.2]})


def test_without_a_field_to_vary_the_bases_are_repeated_alone(study):
    plan = plan_probe(study, "top:2", {}, seeds=3)
    assert [(run.base.number, run.varied) for run in plan.runs] == [(1, None), (2, None)] * 3
    assert plan.pairs({}) == []


def test_every_run_differs_from_its_base_in_one_field_and_the_seed(study):
    plan = plan_probe(study, "top:2", {"n_heads": [2, 8], "dropout": [0.3]}, seeds=3)
    assert len(plan.runs) == 3 * 2 * 4
    assert [run.config.seed for run in plan.runs] == sorted(
        (run.config.seed for run in plan.runs), key=plan.seeds.index
    )
    for run in plan.runs:
        base = run.base.config.flat()
        changed = {name for name, value in run.config.flat().items() if base[name] != value}
        assert changed - {"seed"} == ({run.varied} if run.varied else set())
        assert run.config.model.d_model == run.base.config.model.d_model
        assert run.params.keys() == run.base.params.keys()
    assert plan.runs[0].varied is None


def test_seeds_are_paired_new_and_begin_with_those_of_a_smaller_probe(study):
    small, large = (plan_probe(study, "best", {"dropout": [0.3]}, seeds=n) for n in (2, 4))
    assert large.seeds[:2] == small.seeds
    assert len(set(large.seeds)) == 4
    assert not set(large.seeds) & {trial.seed for trial in load_study(study).trials}
    with pytest.raises(ConfigError, match="two seeds at least"):
        plan_probe(study, "best", {"dropout": [0.3]}, seeds=1)


def test_the_base_s_own_value_is_no_variant(study):
    plan = plan_probe(study, "best", {"dropout": [0.1, 0.1, 0.3]}, seeds=2)
    assert len(plan.runs) == 4
    with pytest.raises(ConfigError, match="must differ from the base's own"):
        plan_probe(study, "best", {"dropout": [0.1]})


def test_what_leaves_the_budget_is_trained_and_recorded_so(study):
    plan = plan_probe(study, "trial:0", {"n_layers": [1, 4], "dropout": [0.3]}, seeds=2)
    deep = {run.in_budget for run in plan.runs if run.config.model.n_layers == 4}
    assert deep == {False}
    assert all(run.n_params == plan.study.count(run.config.model) for run in plan.runs)
    flat = plan_probe(study, "trial:0", {"dropout": [0.3]}, seeds=2)
    expected = tiny.BUDGET.contains(flat.runs[0].n_params)
    assert {run.in_budget for run in flat.runs} == {expected}


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"n_heads": [3]}, "n_heads=3 on trial 1: .* n_heads may be 1, 2, 4, 8, 16, 32, 64"),
        ({"patch_days": [16]}, "a window has 2 to 16 tokens, or .* patch_days may be 1, 2, 4, 8"),
        ({"context_days": [18]}, "context_days=18.* may be 4, 8, 12, 16, 20"),
        ({"dropout": [0.2, 1.5]}, "less than 1 .found 1.5"),
        ({"pooling": ["most"]}, "'mean' or 'last'"),
        ({"drop_out": [0.1]}, "Did you mean dropout"),
        ({"horizon_days": [5]}, "on the study's own data"),
        ({"epochs": [5]}, "for all of its epochs"),
        ({"dropout": []}, "A varied field needs values"),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_starts(study, vary, message):
    before = (study / FILE_NAME).read_bytes()
    with pytest.raises(ConfigError, match=message):
        run_probe(study, "best", vary)
    assert (study / FILE_NAME).read_bytes() == before


def test_data_epochs_and_seed_are_the_studys(study):
    with pytest.raises(ConfigError, match="takes its data, epochs and seed from its study"):
        plan_probe(study, "best", {"dropout": [0.2]}, epochs=5)
    with pytest.raises(ConfigError, match="Did you mean gpus"):
        run_probe(study, "best", {"dropout": [0.2]}, gpu=5)


def test_changed_bars_are_refused(study):
    config = read_study_config(study)
    write_study_config(study, config.model_copy(update={"data_digest": "0" * 64}))
    with pytest.raises(DataError, match="same of its bars"):
        plan_probe(study, "best", {"dropout": [0.2]})


def test_a_folder_without_a_study_and_a_study_in_use_are_refused(study, tmp_path):
    with pytest.raises(FolderError, match=r"readable study.json"):
        plan_probe(tmp_path, "best", {"dropout": [0.2]})
    with (
        open_folder(study, resume=True, overwrite=False),
        pytest.raises(FolderError, match="Only one run at a time"),
    ):
        run_probe(study, "best", {"dropout": [0.2]})


def test_a_reference_of_no_study_gets_one_of_its_own(sp500, tmp_path):
    options = {"out": str(tmp_path), "data": A20, "epochs": 2}
    vary = {"n_heads": [2, 4]}
    plan = plan_probe(sp500, "reference:january_best", vary, seeds=2, **options)
    assert plan.study.folder == tmp_path / "phase6c_a20/probe_january_best_h1"
    assert not plan.study.folder.exists()
    assert (plan.study.config.n_trials, plan.study.config.complete) == (0, True)
    assert [run.config.model.n_heads for run in plan.runs[:3]] == [8, 2, 4]
    assert {run.config.model.d_model for run in plan.runs} == {96}
    assert not any(run.in_budget for run in plan.runs)
    with pytest.raises(ConfigError, match="only a reference can be probed"):
        plan_probe(sp500, "best", vary, **options)
    plan.study.folder.mkdir(parents=True)
    write_study_config(plan.study.folder, plan.study.config)
    again = plan_probe(sp500, "reference:january_best", vary, **options)
    assert again.study.config.study_id == plan.study.config.study_id
    with pytest.raises(ConfigError, match="epochs: 2 -> 3"):
        plan_probe(sp500, "reference:january_best", vary, **options | {"epochs": 3})


class Asked:
    """A searcher of probes on a study's ledger; it counts Ray's own trial ids."""

    def __init__(self, plan, folder):
        self.plan, self.n = plan, 0
        self.ledger = Ledger(folder / FILE_NAME)
        self.halt = Halt()
        self.searcher = ProbeSearcher(plan, self.ledger, PAYLOAD, self.halt)
        self.searcher.set_max_concurrency(99)

    def ask(self):
        self.n += 1
        return self.searcher.suggest(f"ray-{self.n}")

    def all(self):
        return [config["number"] for config in iter(self.ask, None)]


@pytest.fixture
def asked():
    made = []

    def build(plan, folder):
        made.append(Asked(plan, folder))
        return made[-1]

    yield build
    for one in made:
        one.ledger.close()


def test_probes_take_the_next_numbers_and_name_their_base(study, asked):
    one = asked(plan_probe(study, "top:2", {"dropout": [0.3]}, seeds=2), study)
    assert one.all() == [4, 5, 6, 7, 8, 9, 10, 11]
    trials = [one.ledger.trials[number] for number in range(4, 12)]
    assert {trial.source for trial in trials} == {"probe"}
    assert [trial.contrast_of for trial in trials] == [1, 1, 2, 2, 1, 1, 2, 2]
    assert [trial.params["dropout"] for trial in trials] == [0.1, 0.3] * 4
    assert [trial.seed for trial in trials] == [one.plan.seeds[0]] * 4 + [one.plan.seeds[1]] * 4
    assert {trial.code_version for trial in trials} == {"7"}


def test_a_reference_that_was_no_trial_is_named_by_its_first_probe(study, asked):
    plan = plan_probe(study, "reference:january_best", {"n_heads": [2]}, seeds=2)
    one = asked(plan, study)
    assert one.all() == [4, 5, 6, 7]
    trials = [one.ledger.trials[number] for number in range(4, 8)]
    assert [trial.contrast_of for trial in trials] == [4, 4, 4, 4]
    assert [trial.name for trial in trials] == ["january_best", None, "january_best", None]
    one.ledger.close()
    more = asked(replace(plan, vary={"n_heads": (2, 4)}), study)
    assert more.all() == [4, 5, 6, 7, 8, 9]
    assert more.ledger.trials[8].contrast_of == 4


def test_what_is_there_is_not_trained_again_and_what_was_cut_short_goes_on(study, asked, measured):
    plan = plan_probe(study, "best", {"dropout": [0.2, 0.3]}, seeds=2)
    first = asked(plan, study)
    assert first.all() == [4, 5, 6, 7, 8, 9]
    complete(first.ledger, 4, [measured(1, 0.7), measured(2, 0.7)])
    complete(first.ledger, 5, [measured(1, None)], "diverged")
    complete(first.ledger, 6, [measured(1, 0.7), measured(2, 0.7)], "continue")
    first.ledger.append("failed", 7, state="FAILED", error={"kind": "bug", "message": "told"})
    assert not plan.is_done(first.ledger.trials)
    first.ledger.close()

    other = asked(plan_probe(study, "best", {"dropout": [0.2]}, seeds=2), study)
    assert other.all() == [8, 10]
    assert other.ledger.trials[10].seed == plan.seeds[1]
    other.ledger.close()

    again = asked(plan, study)
    assert again.all() == [6, 10, 8, 9]


def test_the_search_knows_nothing_of_unfinished_probes(study, asked):
    asked(plan_probe(study, "best", {"dropout": [0.3]}, seeds=2), study).all()
    assert any(not trial.finished for trial in known_trials(study).values())
    assert all(not trial.searched for trial in known_trials(study).values() if not trial.finished)
    found = [str(one) for one in verify(study).findings if "complete" in str(one)]
    assert not found


def test_when_the_end_is_asked_for_nothing_new_is_handed_out(study, asked):
    one = asked(plan_probe(study, "best", {"dropout": [0.3]}, seeds=2), study)
    one.ask()
    one.halt.request(signal_number=2)
    assert one.ask() is None
    assert len(one.ledger.trials) == 5
    assert not one.searcher.exhausted


def test_probes_that_all_fail_end_with_their_cause(study, asked):
    plan = plan_probe(study, "best", {"dropout": [0.3]}, seeds=2)
    one = asked(plan, study)
    for number in one.all():
        error = {"kind": "diverged", "message": "planted divergence"}
        one.ledger.append("failed", number, state="FAILED", error=error)
        one.searcher.on_trial_complete(f"ray-{number - 3}")
    assert one.ask() == Searcher.FINISHED
    one.ledger.close()
    with pytest.raises(StudyFailedError, match="planted divergence"):
        run_probe(study, "best", {"dropout": [0.3]}, seeds=2)


def test_a_probe_trains_through_all_epochs_in_no_rung(rig):
    one = rig(epochs=4, grace_epochs=1, patience_epochs=1, adaptive_grace=False)
    one.add(0, 1, 2)
    for number in (0, 1, 2):
        one.report(number, 0.9)
    one.add(3, source="probe", contrast_of=0)
    assert [one.report(3, value) for value in (0.5, 0.4, 0.3, 0.2)] == ["CONTINUE"] * 3 + ["STOP"]
    assert one.state(3) == "COMPLETE"
    assert 3 not in {number for rung in one.rungs().values() for number in rung}
    fresh = rig(one.path, epochs=4, grace_epochs=1, adaptive_grace=False)
    assert fresh.rungs() == one.rungs()


def test_what_a_probe_takes_is_counted_and_measured(study):
    plan = plan_probe(study, "best", {"dropout": [0.2, 0.3], "n_layers": [3]}, seeds=2)
    with planned_machines(plan.study) as planned:
        estimated = estimate_probe(plan, known_trials(study), planned)
    assert estimated.n_runs == 8
    assert estimated.probe_s > 0
    assert 0 < estimated.disk_gib < 0.1


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_probe_of_a_real_search_leaves_the_search_as_it_was(search, tmp_path, caplog):
    options = {"data": A20, "epochs": 2, "out": str(tmp_path)}
    before = search(n_trials=2, **options)
    found = run_probe(
        before.folder, "best", {"dropout": [0.4, before.best.params["dropout"]]}, seeds=2
    )
    assert found.study.trials[:2] == before.trials
    assert found.study.config.complete
    assert found.study.best == before.best
    probes = found.study.trials[2:]
    assert [trial.number for trial in probes] == [2, 3, 4, 5]
    assert {trial.state for trial in probes} == {"COMPLETE"}
    assert {trial.epochs for trial in probes} == {2}
    (contrast,) = found.contrasts
    assert (contrast.base, contrast.name, contrast.value) == (before.best.number, "dropout", 0.4)
    assert len(contrast.seeds) == 2
    assert contrast.interval is not None
    assert verify(before.folder).findings == ()
    rows = json.loads((before.folder / "all_trials.json").read_text())["trials"]
    assert [row["source"] for row in rows] == ["sampled"] * 2 + ["probe"] * 4
    assert [row["contrast_of"] for row in rows] == [None] * 2 + [before.best.number] * 4

    ledger = (before.folder / FILE_NAME).read_bytes()
    with caplog.at_level(logging.INFO, logger="phase6c"):
        again = run_probe(before.folder, "best", {"dropout": [0.4]}, seeds=2)
    assert "All of this is trained already." in caplog.text
    assert again.contrasts == found.contrasts
    assert (before.folder / FILE_NAME).read_bytes() == ledger

    after = search(n_trials=3, resume=True, **options)
    assert after.config.complete
    assert [trial.source for trial in after.trials] == ["sampled"] * 2 + ["probe"] * 4 + ["sampled"]
    assert len(by_digest({trial.number: trial for trial in after.trials})) == 4
    assert verify(after.folder).findings == ()
    assert phase6c.load_study(after.folder).best.source == "sampled"


def test_a_new_reference_is_trained_in_the_precision_that_was_measured(sp500, tmp_path):
    """So that the same command finds its trainings again, whose precision the study has stored."""
    plan = plan_probe(
        sp500, "reference:january_best", {"n_heads": [2]}, seeds=2, out=tmp_path, data=A20
    )
    assert {run.config.train.precision for run in plan.runs} == {"float32"}
    train = plan.study.config.train.model_copy(update={"precision": "bfloat16"})
    config = plan.study.config.model_copy(update={"train": train})
    ledger = Ledger(tmp_path / "ledger.jsonl")
    searcher = ProbeJob(plan).make_searcher(config, ledger, PAYLOAD, Halt(None))
    searcher.suggest("a")
    ledger.close()
    assert ledger.trials[0].config["train"]["precision"] == "bfloat16"
