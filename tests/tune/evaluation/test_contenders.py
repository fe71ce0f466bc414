"""What an evaluation compares is settled, or refused with what to do, before it trains anything."""

import json

import pytest

from phase6c.config import DataConfig
from phase6c.errors import DataError, FolderError, StorageError
from phase6c.study.ledger import FILE_NAME
from phase6c.study.study import Study
from phase6c.study.study_config import STUDY_FILE
from phase6c.study.study_folder import open_folder
from phase6c.tune.evaluation.contenders import check_comparable, find_contenders
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.plan import FITS, plan_evaluation


def summary_of(ticker, last_date):
    return {
        "bars_digest": ticker[0] * 64,
        "tickers": [ticker],
        "train": {"first_date": "2010-01-04"},
        "test": {"last_date": last_date},
    }


@pytest.fixture
def study(study_config, tmp_path):
    def build(name, ticker="aapl", last_date="2020-01-02", **fields):
        summary = summary_of(ticker, last_date)
        config = study_config(name=name, data_summary=summary, **fields)
        return Study(tmp_path / name, config, ())

    return build


def test_another_horizon_is_not_blamed_on_the_bars(study):
    other = study("h5", data=DataConfig(horizon_days=5), data_digest="1" * 64)
    with pytest.raises(DataError, match=r"same data options; found: one has .*1 d.* h5 has .*5 d"):
        check_comparable([study("one"), other])


def test_other_bars_are_named_by_their_tickers_and_days(study):
    other = study("two", ticker="msft", last_date="2021-01-04", data_digest="1" * 64)
    with pytest.raises(DataError, match=r"same bars.*\(aapl, .*\(msft, .* to 2021-01-04\)"):
        check_comparable([study("one"), other])


def test_bars_that_lie_elsewhere_are_the_same_bars(study):
    check_comparable([study("one"), study("two", sources=("./copies/aapl.csv",))])


def test_other_code_for_the_same_bars_is_told_apart(study):
    with pytest.raises(DataError, match="same features and labels"):
        check_comparable([study("one"), study("two", data_digest="1" * 64)])


def test_a_ledger_with_values_that_cannot_be_is_named(small_study, tmp_path):
    study = small_study(tmp_path / "study")
    (best,) = [one for one in study.trials if one.number == 3]
    best.config["model"]["dropout"] = 1.5
    with pytest.raises(StorageError, match=rf"{FILE_NAME}: model.dropout.*found 1.5"):
        find_contenders([study], 1)


@pytest.fixture
def searched(small_study, tmp_path):
    """The folder of a study, and where an evaluation of it would go."""
    return small_study(tmp_path / "study").folder, tmp_path / "out"


def test_one_path_is_one_study(searched, tmp_path):
    for path in (str(tmp_path), tmp_path):
        with pytest.raises(FolderError, match=f"{tmp_path}/{STUDY_FILE}"):
            plan_evaluation(path, EvaluationOptions(out=tmp_path))


def test_an_existing_evaluation_is_left_alone_and_one_that_runs_is_in_use(searched):
    study, out = searched
    fits = out / "models" / "best" / FITS
    fits.mkdir(parents=True)
    (fits / STUDY_FILE).write_text("{}")
    options = EvaluationOptions(out=out)
    with pytest.raises(FolderError, match="existing evaluation") as raised:
        plan_evaluation(study, options)
    assert raised.value.remedy == "Add `resume=True` to go on, or choose another `name`."
    with (
        open_folder(fits, resume=True, overwrite=False),
        pytest.raises(FolderError, match="one run at a time"),
    ):
        plan_evaluation(study, options)


def test_an_output_root_that_is_a_file_is_refused_before_bars_are_read(searched, caplog):
    study, out = searched
    out.touch()
    with pytest.raises(FolderError, match=f"must be writable; found: {out}: Not a directory"):
        plan_evaluation(study, EvaluationOptions(out=out))
    assert not caplog.text


def test_a_study_without_its_ledger_is_refused_with_the_ledgers_path(searched):
    study, out = searched
    (study / FILE_NAME).unlink()
    with pytest.raises(StorageError, match=f"{study}/{FILE_NAME} is missing"):
        plan_evaluation(study, EvaluationOptions(out=out))


def test_a_study_of_made_up_json_is_damaged(searched):
    study, out = searched
    (study / STUDY_FILE).write_text(json.dumps({}))
    with pytest.raises(StorageError, match=f"{study}/{STUDY_FILE}: study_id must be given"):
        plan_evaluation(study, EvaluationOptions(out=out))
