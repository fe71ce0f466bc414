"""Ray is handed unfinished trials, then references, then proposals; the ledger hears first."""

import math
from functools import partial

import pytest
from ray.tune.search import Searcher

from phase6c.config import TrialConfig
from phase6c.nn.model import count_parameters
from phase6c.space.axes import Grid
from phase6c.space.references import find_references
from phase6c.space.space import Space
from phase6c.study.ledger import FILE_NAME, Ledger, read_trials
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.search.searcher import StudySearcher

count = partial(count_parameters, n_features=30)
SMALL = Space(
    name="small",
    axes={"learning_rate": Grid.of(1e-4, 2e-4, 1e-3, 1e-2)},
    fixed={"d_model": 16, "context_days": 8, "patch_days": 4, "d_ff_ratio": 2}
    | {"n_layers": 1, "n_heads": 2},
)
PAYLOAD = {"study_folder": "here", "study_id": "made-up", "provenance": {"code_version": "7"}}


def build(values, number):
    config = TrialConfig.from_flat({**values, "seed": number})
    return config, count(config.model)


class Rig:
    """A searcher with its ledger; `n` counts Ray's own trial ids."""

    def __init__(self, path, references, n_trials, concurrent):
        self.path, self.n = path, 0
        self.ledger = Ledger(path)
        self.halt = Halt()
        trials = [self.ledger.trials[number] for number in sorted(self.ledger.trials)]
        self.searcher = StudySearcher(
            self.ledger,
            Proposals(SMALL, count, None, "auc", 0, trials),
            build,
            find_references(references),
            n_trials,
            lambda n_params: n_params < 10_000,
            PAYLOAD,
            self.halt,
        )
        assert self.searcher.set_max_concurrency(concurrent)

    def ask(self):
        self.n += 1
        return self.searcher.suggest(f"ray-{self.n}")

    def end(self, ray_id, *, error=False):
        self.searcher.on_trial_complete(ray_id, result=None, error=error)


@pytest.fixture
def rig(tmp_path):
    rigs = []

    def build_rig(references=(), n_trials=4, concurrent=10):
        rigs.append(Rig(tmp_path / FILE_NAME, references, n_trials, concurrent))
        return rigs[-1]

    yield build_rig
    for one in rigs:
        one.ledger.close()


@pytest.fixture
def complete(measured):
    def finish(one, number, decision="complete"):
        epoch = one.ledger.trials[number].epochs + 1
        measurement = measured(epoch, 0.6).model_dump(mode="json")
        one.ledger.append("result", number, measurement=measurement, decision=decision)

    return finish


def test_references_run_before_proposals_and_outside_the_budget(rig):
    one = rig(["january_best", "january_baseline"], n_trials=2)
    handed = [one.ask() for _ in range(4)]
    trials = [one.ledger.trials[config["number"]] for config in handed]
    names = [trial.name for trial in trials]
    assert names == ["january_best", "january_baseline", None, None]
    assert [trial.source for trial in trials] == ["reference"] * 2 + ["sampled"] * 2
    assert [trial.in_budget for trial in trials] == [False, False, True, True]
    assert trials[0].params["d_model"] == 96
    assert [trial.seed for trial in trials] == [0, 1, 2, 3]
    assert one.ask() is None


def test_the_choice_is_on_disk_before_ray_hears_of_it(rig):
    one = rig()
    config = one.ask()
    stored = read_trials(one.path)[config["number"]]
    assert stored.attempts == 1
    assert stored.code_version == "7"
    assert config == {
        **PAYLOAD,
        "number": 0,
        "trial": stored.config,
        "reported": 0,
        "ends": False,
        "step": None,
        "kept_score": -math.inf,
    }
    assert TrialConfig.model_validate(config["trial"]).flat().items() >= stored.params.items()


def test_no_more_than_the_limit_run_side_by_side(rig, complete):
    one = rig(concurrent=2)
    assert [one.ask()["number"] for _ in range(2)] == [0, 1]
    assert one.ask() is None
    assert one.searcher.n_live == 2
    complete(one, 0)
    one.end("ray-1")
    assert one.ask()["number"] == 2


def test_the_end_is_told_only_when_nothing_is_live(rig, complete):
    one = rig(n_trials=2)
    one.ask()
    one.ask()
    assert one.ask() is None
    for number in (0, 1):
        complete(one, number)
        one.end(f"ray-{number + 1}")
    assert one.ask() == Searcher.FINISHED
    assert not one.searcher.exhausted


def test_a_space_that_is_used_up_ends_the_search(rig, complete):
    one = rig(n_trials=100)
    while (config := one.ask()) is not None:
        complete(one, config["number"])
    assert len(one.ledger.trials) == 4
    for number in range(4):
        one.end(f"ray-{number + 1}")
    assert one.ask() == Searcher.FINISHED
    assert one.searcher.exhausted


def test_a_space_that_an_earlier_run_used_up_ends_the_search_at_once(rig, complete):
    before = rig(n_trials=100)
    while (config := before.ask()) is not None:
        complete(before, config["number"])
    before.ledger.close()
    one = rig(n_trials=100)
    assert one.ask() == Searcher.FINISHED
    assert one.searcher.exhausted


def test_a_lost_trial_is_handed_out_again_from_where_it_was(rig, complete):
    one = rig(n_trials=2)
    first = one.ask()
    complete(one, 0, "continue")
    complete(one, 0, "continue")
    one.ledger.append("retry", 0, message="lost")
    one.end("ray-1", error=True)
    again = one.ask()
    assert again == first | {"reported": 2}
    assert one.ledger.trials[0].attempts == 2
    assert one.ask()["number"] == 1


def test_a_failed_trial_is_not_handed_out_again(rig):
    one = rig(n_trials=2)
    one.ask()
    one.ledger.append("failed", 0, state="FAILED", error={"kind": "bug", "message": "KeyError"})
    one.end("ray-1", error=True)
    assert one.ask()["number"] == 1
    assert one.ask() is None


def test_an_end_that_ray_tells_twice_counts_once(rig, complete):
    one = rig(n_trials=2)
    one.ask()
    one.end("ray-1", error=True)
    one.end("ray-1", error=True)
    assert [one.ask()["number"] for _ in range(2)] == [0, 1]
    assert one.ask() is None


def test_a_resume_goes_on_with_the_unfinished_before_anything_new(rig, complete):
    before = rig(["january_best"], n_trials=4)
    for _ in range(4):
        before.ask()
    complete(before, 1)
    complete(before, 2, "continue")
    before.ledger.close()

    one = rig(["january_best", "january_baseline"], n_trials=4)
    handed = [one.ask() for _ in range(5)]
    assert [config["number"] for config in handed] == [0, 2, 3, 4, 5]
    assert [config["reported"] for config in handed] == [0, 1, 0, 0, 0]
    assert one.ledger.trials[4].name == "january_baseline"
    rates = {
        trial.params["learning_rate"] for trial in one.ledger.trials.values() if not trial.name
    }
    assert len(rates) == 4
    assert one.ask() is None


def test_nothing_is_handed_out_once_the_search_is_to_end(rig):
    one = rig(n_trials=2)
    one.ask()
    one.halt.request(signal_number=2)
    assert one.ask() is None
    one.end("ray-1")
    assert one.ask() is None
    assert one.searcher.n_live == 0
    assert len(one.ledger.trials) == 1


def test_ray_may_pickle_and_save_it_for_a_restore_that_is_never_done(rig, tmp_path):
    searcher = rig().searcher
    assert searcher.__getstate__() == {}
    searcher.save(str(tmp_path / "saved"))
    assert not (tmp_path / "saved").exists()
