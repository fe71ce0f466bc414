"""The JSON views follow a running search, and take little of its time however long they grow."""

import json
import math

import pytest

from phase6c.study.views import json_files
from phase6c.study.views.json_files import Views, all_trials, best_params, write_views


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test moves."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(json_files.time, "monotonic", lambda: Clock.now)
    return Clock


def test_the_files_are_the_same_whether_they_were_followed_or_made_anew(
    tmp_path, ledger, birth, result, study_config, clock
):
    config = study_config()
    ledger.append("trial", 0, **birth(seed=0))
    result(0, 1, 0.6, "complete")
    ledger.listen(Views(tmp_path, config, ledger))
    for number in (1, 2):
        ledger.append("trial", number, **birth(seed=number))
    result(2, 1, 0.7, "complete")
    clock.now = math.inf
    result(1, 1, 0.5, "continue")
    names = ("all_trials.json", "best_params.json")
    followed = [(tmp_path / name).read_text() for name in names]
    write_views(tmp_path, config, ledger.trials)
    assert followed == [(tmp_path / name).read_text() for name in names]
    shown = [all_trials(config, ledger.trials), best_params(config, ledger.trials[2])]
    assert [json.loads(text) for text in followed] == json.loads(json.dumps(shown))
    assert followed[0] == json.dumps(shown[0], indent=1) + "\n"


def test_slow_views_take_a_tenth_of_the_time_at_most(
    tmp_path, ledger, birth, result, study_config, clock, monkeypatch
):
    written = []

    def write_slowly(*_):
        clock.now += 10
        written.append(clock.now)

    monkeypatch.setattr(json_files, "_write", write_slowly)
    ledger.listen(Views(tmp_path, study_config(), ledger))
    ledger.append("trial", 0, **birth())
    for epoch in range(1, 500):
        clock.now += 1
        result(0, epoch, 0.5, "continue")
    assert 4 <= len(written) <= 1 + clock.now / 10 * json_files.MAX_SHARE
