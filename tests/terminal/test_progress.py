"""What a search and a probe show while they run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from phase6c.records import Baseline, Metrics
from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.terminal.progress import Goal, Progress

SEARCH = Goal(5, lambda trial: trial.chosen)
BELOW = {"epoch": 1, "value": 0.5, "cutoff": 0.6}


def text_of(shown, width=200):
    console = Console(file=io.StringIO(), width=width)
    console.print(shown)
    return console.file.getvalue()


@pytest.fixture
def watched(tmp_path, study_config):
    """A ledger, and a function that makes a display of it and what it prints."""
    ledger = Ledger(tmp_path / FILE_NAME)

    def watch(goal=SEARCH, **config):
        lines = Console(file=io.StringIO(), width=200)
        live = config.pop("live", False)
        progress = Progress(lines, study_config(**config), ledger, 0, 2, goal, live=live)
        ledger.listen(progress)
        return progress, lines.file

    yield ledger, watch
    ledger.close()


def test_audited_trials_are_marked_while_they_run_and_when_they_end(watched, birth, measured):
    ledger, watch = watched
    shown, _ = watch(audit_share=0.5, live=True)
    _, printed = watch(audit_share=0.5)
    for number, decision in ((0, "continue"), (1, "audit")):
        ledger.append("trial", number, **birth(seed=number))
        result = measured(1, 0.5).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision=decision, stopped=BELOW)
    running = [line.rstrip() for line in text_of(shown.display()).splitlines()]
    assert any(line.startswith("trial 0 ") for line in running)
    assert any(line.startswith("trial 1 (audited)") for line in running)
    for number in (0, 1):
        result = measured(2, 0.6).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision="complete", stopped=None)
    assert "trial 0: complete at epoch 2" in printed.getvalue()
    assert "trial 1 (audited): complete at epoch 2" in printed.getvalue()


def test_progress_counts_the_probes_and_says_what_each_varies(watched, birth, measured):
    ledger, watch = watched
    result = measured(1, 0.6).model_dump(mode="json")
    ledger.append("trial", 0, **birth())
    ledger.append("result", 0, measurement=result, decision="complete")
    _, printed = watch(Goal(2, lambda trial: not trial.searched))
    for number, varied in ((1, {}), (2, {"dropout": 0.3})):
        ledger.append("trial", number, **birth(seed=5, source="probe", contrast_of=0, **varied))
        ledger.append("result", number, measurement=result, decision="complete")
    first, second = printed.getvalue().splitlines()[1:]
    assert first.startswith("trial 1 (probe of trial 0): complete")
    assert "| 1 to do" in first
    assert second.startswith("trial 2 (probe of trial 0: dropout 0.3): complete")
    assert "| 0 to do" in second


def test_the_states_add_up_to_the_trials_of_the_goal(watched, birth, measured):
    ledger, watch = watched
    shown, _ = watch(live=True)
    ledger.append("trial", 0, **birth(source="reference"))
    for number, decision in ((1, "complete"), (2, "stop"), (3, "continue")):
        ledger.append("trial", number, **birth(seed=number))
        result = measured(1, 0.5).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision=decision, stopped=BELOW)
    text = text_of(shown.display())
    assert "1 running, 1 complete, 1 stopped early; 1 other trial beside them" in text
    assert " 2/5 " in text


def test_a_running_trial_that_leads_is_named_beside_the_best(watched, birth, measured):
    ledger, watch = watched
    baseline = Baseline(name="gradient_boosting", metrics=Metrics(auc=0.61), duration_s=1.0)
    weaker = Baseline(name="logistic_regression", metrics=Metrics(auc=0.58), duration_s=1.0)
    shown, _ = watch(live=True, baselines=(weaker, baseline))
    for number, value, decision in ((0, 0.55, "complete"), (1, 0.57, "continue")):
        ledger.append("trial", number, **birth(seed=number, learning_rate=10.0 ** -(number + 3)))
        result = measured(1, value).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision=decision)
    text = text_of(shown.display())
    assert "best so far    trial 0: auc 0.5500; trial 1: auc 0.5700, still running" in text
    assert "best baseline  gradient boosting: auc 0.6100" in text
    # The last trial that ended stays, and what tells the trials apart stands beside them.
    assert "complete at epoch 1, auc 0.5500  learning_rate 0.001" in text
    assert "epoch 1 of 9, auc 0.5700         learning_rate 0.0001" in text


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_broken(watched, birth, measured, width):
    ledger, watch = watched
    shown, _ = watch(live=True, name="hpo_tiny_h1_a_study_of_bars_with_a_long_name")
    for number in range(4):
        ledger.append(
            "trial", number, **birth(seed=number, dropout=number / 10, n_layers=number + 1)
        )
        result = measured(1, 0.5).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision="continue")
    lines = text_of(shown.display(), width).splitlines()
    assert max(map(len, lines)) <= width
    # Every line begins something: none is the rest of another.
    assert [line.split()[0] for line in lines[2:]] == ["4", "best", *["trial"] * 4]
