"""The contenders of an evaluation: the best of each study, and the references they have tried."""

from __future__ import annotations

from collections.abc import Sequence

from phase6c.config import Objective, TrainConfig, TrialConfig, parse
from phase6c.errors import DataError
from phase6c.records import Trial
from phase6c.study.evaluation_config import Contender
from phase6c.study.ranking import ranked
from phase6c.study.study import Study, check_same
from phase6c.study.study_folder import distinct_names
from phase6c.wording import listed

# Metric by which a training's number of epochs is chosen, whatever its search was told: AUC and
# refinement leave calibration to the calibrator, and come to trainings that are too long. Epochs
# chosen by refinement cost .027 to .046 in log loss.
OBJECTIVE: Objective = "log_loss"


def check_comparable(studies: Sequence[Study]) -> None:
    """Checks that the studies are of the same rows and labels.

    Raises:
        DataError: The figures of the studies could not be put side by side.
    """
    aspects = {
        "data options": _data_options,
        "bars": _bars,
        "features and labels": lambda study: study.config.data_digest[:12],
    }
    remedy = "Evaluate them one by one, each with a `name`."
    check_same(studies, aspects, "that are evaluated together", remedy)


def _data_options(study: Study) -> str:
    data = study.config.data
    blocks = f"{data.train_fraction:g}/{data.val_fraction:g}/{data.cal_fraction:g}"
    return f"{data.target} of {data.tier} ({data.scaling}, blocks {blocks})"


def _bars(study: Study) -> str:
    """The digest of the bars, with tickers and dates for people; their place does not matter."""
    summary = study.config.data_summary
    digest = str(summary.get("bars_digest"))[:12]
    tickers = [*summary.get("tickers", ()), *summary.get("tickers_without_rows", ())]
    first = summary.get("train", {}).get("first_date")
    last = summary.get("test", {}).get("last_date")
    return f"{digest} ({listed(sorted(tickers))}, {first} to {last})"


def budget_size(study: Study) -> int:
    """Number of parameters of the study's budget; 0 where the width is free."""
    budget = study.config.space["budget"]
    return int(budget["n_params"]) if budget else 0


def common_training(studies: Sequence[Study]) -> TrainConfig:
    """The training of the longest search, so that all contenders are measured alike."""
    trains = [study.config.train for study in studies]
    return trains[0].model_copy(
        update={
            "epochs": max(train.epochs for train in trains),
            "patience_epochs": max(train.patience_epochs for train in trains),
            "objective": OBJECTIVE,
            # Trainings are few, and each is measured on the later part of its own dates.
            "val_windows": None,
        }
    )


def find_contenders(studies: Sequence[Study], top: int) -> tuple[Contender, ...]:
    """The best of each study, then the references that any of them has tried, each once.

    Args:
        studies: Studies of the same rows and labels.
        top: Number of the best trials of each study.

    Raises:
        DataError: A study has no trial that may be called the best.
        StorageError: A ledger is damaged.
    """
    train = common_training(studies)
    names = distinct_names(
        [study.config.name for study in studies], [study.folder for study in studies]
    )
    chosen: dict[str, Contender] = {}
    references: dict[str, Contender] = {}
    for study, name in zip(studies, names, strict=True):
        best = ranked(study.trials, study.config)[:top]
        if not best:
            raise DataError(
                "Each study must have a trial that may be called the best",
                f"{study.folder} has none",
                "Run its search longer, or leave it out.",
            )
        n_tried = _n_tried(study)
        prefix = f"{name} " if len(studies) > 1 else ""
        for trial in best:
            name_of = f"{prefix}trial {trial.number}"
            contender = _contender(studies[0], study, trial, name_of, train, n_tried)
            # Two searches may have chosen the same configuration, which competes once.
            chosen.setdefault(parse(TrialConfig, contender.config).digest(), contender)
        for trial in study.trials:
            if trial.source == "reference" and trial.name not in (None, *references):
                name_of = str(trial.name)
                references[name_of] = _contender(studies[0], study, trial, name_of, train, n_tried)
    return (*chosen.values(), *references.values())


def _n_tried(study: Study) -> int:
    """Number of different configurations that the search has chosen from."""
    searched = study.config.space["axes"]
    tried = (study.config_of(trial) for trial in study.trials if trial.chosen)
    return len({config.identity(searched) for config in tried})


def _contender(
    first: Study, study: Study, trial: Trial, name: str, train: TrainConfig, n_tried: int
) -> Contender:
    """A trial with the data of the first study, and a training as long as all others."""
    config = study.config_of(trial)
    own = {
        name: getattr(train, name)
        for name in ("epochs", "patience_epochs", "objective", "val_windows")
    }
    # Studies may describe the same rows in different words, which would make digests differ.
    update = {"seed": 0, "data": first.config.data, "train": config.train.model_copy(update=own)}
    best = trial.best(study.config.objective)
    return Contender(
        name=name,
        study=str(study.folder),
        number=trial.number,
        budget=study.config.budget,
        n_tried=n_tried,
        may_win=trial.chosen,
        params=trial.params,
        config=config.model_copy(update=update).model_dump(mode="json"),
        n_params=trial.n_params,
        in_budget=trial.in_budget,
        best_epoch=best.epoch if best else train.epochs,
    )
