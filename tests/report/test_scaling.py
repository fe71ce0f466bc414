"""Studies are put side by side only where their rows are the same."""

from dataclasses import replace

import pytest

from phase6c.analysis.trials import read_search
from phase6c.config import DataConfig
from phase6c.errors import DataError
from phase6c.report.reading import read
from phase6c.report.report import make_report
from phase6c.report.scaling import scaling
from phase6c.statistics.bootstrap import Estimate
from phase6c.study.study import load_study
from phase6c.study.study_config import write_study_config


@pytest.fixture
def studies(tmp_path, small_study, market):
    def write(*configs, **fields):
        made = [
            small_study(tmp_path / f"study_{n}", market(n), name=f"study_{n}", **one, **fields)
            for n, one in enumerate(configs)
        ]
        return [one.folder for one in made]

    return write


def test_a_row_a_study_with_its_true_parameters_and_compute(studies):
    folders = studies({}, {"data": DataConfig(tier="a20")})
    (table,) = scaling([read(read_search(one), draws=50) for one in folders]).tables
    assert [row[:3] for row in table.rows] == [
        ("study_0", "a100", 50_000),
        ("study_1", "a20", 50_000),
    ]
    assert [row[3] for row in table.rows] == [18, 18]


@pytest.mark.slow
def test_horizons_and_labels_get_panels_of_their_own(studies):
    configs = [{"data": one} for one in (DataConfig(), DataConfig(horizon_days=5), DataConfig())]
    section = scaling([read(read_search(one), draws=0) for one in studies(*configs)])
    assert [len(table.rows) for table in section.tables] == [2, 1]
    assert "1 d" in section.tables[0].title
    assert "5 d" in section.tables[1].title


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"bars_digest": "b" * 64}, "same bars"),
        pytest.param({"val": {"first_date": "2000"}}, "same block dates", marks=pytest.mark.slow),
    ],
)
def test_other_bars_or_dates_are_refused(studies, study_config, changed, match):
    folders = studies({}, {})
    config = load_study(folders[1]).config
    summary = {**config.data_summary, **changed}
    write_study_config(folders[1], config.model_copy(update={"data_summary": summary}))
    with pytest.raises(DataError, match=match) as caught:
        make_report(folders, draws=0)
    assert caught.value.exit_code == 65


@pytest.mark.slow
def test_the_last_days_of_a_longer_horizon_are_no_other_blocks(studies, study_config):
    folders = studies({}, {"data": DataConfig(horizon_days=5)})
    config = load_study(folders[1]).config
    summary = config.data_summary
    shorter = {**summary, "val": {**summary["val"], "last_date": "2013-07-08"}}
    write_study_config(folders[1], config.model_copy(update={"data_summary": shorter}))
    assert make_report(folders, draws=0).parts[0].name == "across"


def test_intervals_that_overlap_rank_nothing(studies):
    (said,) = scaling([read(read_search(one), draws=100) for one in studies({}, {})]).says
    assert "no difference that these studies can show" in said


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Estimate(value=0.60, low=0.58, high=0.62), "intervals, study_0 above study_1."),
        (Estimate(value=0.80, low=0.78, high=0.82), "intervals, study_1 above study_0."),
        (Estimate(value=0.71, low=0.69, high=0.73), "lie within 0.0100 of each other"),
    ],
)
def test_studies_are_ranked_only_where_their_intervals_do_not_overlap(studies, second, said):
    first = Estimate(value=0.70, low=0.68, high=0.72)
    readings = [read(read_search(one), draws=50) for one in studies({}, {})]
    told = [
        replace(reading, corrected=reading.corrected.model_copy(update={"value": value}))
        for reading, value in zip(readings, (first, second), strict=True)
    ]
    assert said in " ".join(scaling(told).says)
