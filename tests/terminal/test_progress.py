"""What a search and a probe show while they run."""

from __future__ import annotations

import io
from types import SimpleNamespace

from rich.console import Console

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.terminal.progress import Goal, Progress

SEARCH = Goal(5, lambda trial: trial.chosen)
BELOW = {"epoch": 1, "value": 0.5, "cutoff": 0.6}


def text_of(shown):
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    return console.file.getvalue()


def test_audited_trials_are_marked_while_they_run_and_when_they_end(
    tmp_path, study_config, birth, measured
):
    ledger, config = Ledger(tmp_path / FILE_NAME), study_config(audit_share=0.5)
    lines = Console(file=io.StringIO(), width=200)
    updates = []
    live = SimpleNamespace(update=updates.append)
    ledger.listen(Progress(lines, None, config, ledger, 0, 2, SEARCH))
    ledger.listen(Progress(lines, live, config, ledger, 0, 2, SEARCH))
    for number, decision in ((0, "continue"), (1, "audit")):
        ledger.append("trial", number, **birth(seed=number))
        result = measured(1, 0.5).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision=decision, stopped=BELOW)
    running = [line.rstrip() for line in text_of(updates[-1]).splitlines()]
    assert any(line.startswith("trial 0 ") for line in running)
    assert any(line.startswith("trial 1 (audited)") for line in running)
    for number in (0, 1):
        result = measured(2, 0.6).model_dump(mode="json")
        ledger.append("result", number, measurement=result, decision="complete", stopped=None)
    ledger.close()
    printed = lines.file.getvalue()
    assert "trial 0: complete at epoch 2" in printed
    assert "trial 1 (audited): complete at epoch 2" in printed


def test_progress_counts_the_probes_and_says_what_each_varies(
    tmp_path, study_config, birth, measured
):
    ledger, lines = Ledger(tmp_path / FILE_NAME), Console(file=io.StringIO(), width=200)
    result = measured(1, 0.6).model_dump(mode="json")
    ledger.append("trial", 0, **birth())
    ledger.append("result", 0, measurement=result, decision="complete")
    goal = Goal(2, lambda trial: not trial.searched)
    shown = Progress(lines, None, study_config(), ledger, 0, 2, goal)
    ledger.listen(shown)
    for number, varied in ((1, {}), (2, {"dropout": 0.3})):
        ledger.append("trial", number, **birth(seed=5, source="probe", contrast_of=0, **varied))
        ledger.append("result", number, measurement=result, decision="complete")
    ledger.close()
    first, second = lines.file.getvalue().splitlines()[1:]
    assert first.startswith("trial 1 (probe of trial 0): complete")
    assert "| 1 to do" in first
    assert second.startswith("trial 2 (probe of trial 0: dropout 0.3): complete")
    assert "| 0 to do" in second
