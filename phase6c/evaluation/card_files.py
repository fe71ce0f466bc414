"""The files of a card: a page, JSON, Markdown, and the predictions that it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from phase6c.config import Values
from phase6c.document.document import TOP, Document, KeyFigure, Part, page
from phase6c.document.picture import Picture, reliability
from phase6c.document.section import Section, Table, sections_document, text
from phase6c.errors import StorageError
from phase6c.evaluation.card import Card
from phase6c.evaluation.evidence import Evidence
from phase6c.evaluation.judgement import Judgement
from phase6c.statistics.logits import sigmoid
from phase6c.storage.files import write_json, write_whole
from phase6c.study.trial_folder import write_frame
from phase6c.version import code_version
from phase6c.wording import listed, words

CARD_JSON, CARD_MD, CARD_HTML = "card.json", "card.md", "card.html"
JUDGED_PREDICTIONS_FILE = "predictions.parquet"
_FILES = "The same stands in card.json and card.md, the predictions in predictions.parquet."


def write_card(folder: Path, card: Card, evidence: Evidence) -> None:
    """Writes all of them; `card.json`, by which it is known to be whole, comes last.

    Raises:
        StorageError: A file cannot be written.
    """
    # A run that is cut short here leaves no card.json, and is concluded again when it is resumed.
    write_frame(folder / JUDGED_PREDICTIONS_FILE, predictions(evidence))
    write_whole(folder / CARD_HTML, _page(card, evidence))
    write_whole(folder / CARD_MD, markdown(card))
    write_json(folder / CARD_JSON, document(card, evidence))


def read_card(folder: Path) -> Values | None:
    """The content of card.json; None where there is no card.

    Raises:
        StorageError: It cannot be read.
    """
    path = folder / CARD_JSON
    if not path.exists():
        return None
    try:
        card: Values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(
            "A card must be readable",
            f"{path}: {error}",
            "Delete it; `resume=True` makes it again.",
        ) from error
    return card


def document(card: Card, evidence: Evidence) -> Values:
    """The card as JSON."""
    return {
        "schema": "phase6c.card/1",
        "name": card.name,
        **dict(card.facts),
        "questions": card.questions.model_dump(mode="json"),
        "sentence": card.judgement.sentence,
        "judgement": card.judgement.model_dump(mode="json"),
        "walk_forward_gain": card.walk_gain.model_dump(mode="json"),
        "choice": evidence.choice.model_dump(mode="json", exclude={"scores"}),
        "calibrator": json.loads(evidence.chosen.calibrator.to_json()),
        "threshold": evidence.chosen.threshold,
        "opening": evidence.opening.model_dump(mode="json"),
        "openings_before": [
            opening.model_dump(mode="json") for opening in evidence.openings_before
        ],
        "draws": evidence.draws.n,
        "code_version": code_version(),
        "sections": sections_document(card.sections),
    }


def markdown(card: Card) -> str:
    """The card as Markdown."""
    lines = [f"# {card.name}", ""]
    for sentence in card.verdicts:
        lines += [f"**{sentence}**", ""]
    lines += [f"- {name}: {value}" for name, value in card.facts]
    for section in card.sections:
        lines += ["", f"## {section.title}", "", *(f"- {sentence}" for sentence in section.says)]
        for table in section.tables:
            lines += ["", f"### {table.title}", "", *_markdown_table(table)]
    return "\n".join(lines) + "\n"


def _markdown_table(table: Table) -> list[str]:
    rows = [table.columns, ["---"] * len(table.columns)]
    cells = [[text(cell).replace("|", "/") for cell in row] for row in table.rows]
    return [f"| {' | '.join(row)} |" for row in (*rows, *cells)]


def predictions(evidence: Evidence) -> pd.DataFrame:
    """Columns date, ticker, step, y, down, logit, p: the chosen model's, never of a row it saw.

    `logit` is before calibration, `p` after it: forward in time in the walk, by the final
    calibrator in the test block.
    """
    parts = (
        (evidence.past, evidence.chosen.past, evidence.chosen.forward),
        (evidence.test, evidence.chosen.test, evidence.chosen.calibrated_test),
    )
    frames = [
        pd.DataFrame(
            {
                "date": truth.dates.astype("datetime64[s]"),
                "ticker": truth.tickers,
                "step": truth.steps,
                "y": truth.y,
                "down": truth.down,
                "logit": logits,
                "p": sigmoid(calibrated),
            }
        )
        for truth, logits, calibrated in parts
    ]
    return pd.concat(frames, ignore_index=True)


def _without(section: Section, lines: Sequence[str]) -> Section:
    """A section without the sentences that stand at the top of the page."""
    left = tuple(line for line in section.says if line not in lines)
    return section.model_copy(update={"says": left})


def _figures(judged: Judgement) -> Iterator[KeyFigure]:
    """The gains over the best baseline, and over the base rate that is the hardest to beat."""
    rate = min(judged.over_base_rates, key=lambda gained: gained.log_loss.low)
    where = "on the test block; positive is better"
    for gained in (judged.over_best, rate):
        name = f"Log loss saved against {words(gained.over)}"
        yield KeyFigure(name=name, value=gained.log_loss, note=where)
    name = f"AUC gained over {words(judged.over_best.over)}"
    yield KeyFigure(name=name, value=judged.over_best.auc, note=where)


def _shown(evidence: Evidence) -> dict[str, np.ndarray]:
    """The probabilities of the test block by name; the same ones are not drawn twice."""
    before = sigmoid(np.asarray(evidence.chosen.test))
    if evidence.chosen.calibrator.kind == "none":
        return {"no calibrator chosen": before}
    return {
        "before calibration": before,
        "calibrated": sigmoid(evidence.chosen.calibrated_test),
    }


def _page(card: Card, evidence: Evidence) -> str:
    y = evidence.test.y
    drawn: tuple[Picture, ...] = ()
    if len(np.unique(y)) == 2:
        caption = "The test block: reliability in ten bins of equal mass"
        drawn = (reliability(TOP, "reliability", caption, y, _shown(evidence)),)
    part = Part(
        card.name,
        card.facts,
        tuple(_without(section, card.verdicts) for section in card.sections),
        drawn,
        about=(
            listed(np.unique(evidence.test.tickers).tolist(), 3),
            str(evidence.opening.at.date()),
        ),
        verdicts=card.verdicts,
        figures=tuple(_figures(card.judgement)),
        opened=("test",),
    )
    return page(
        Document(parts=(part,), draws=evidence.draws.n, code_version=code_version(), files=_FILES)
    )
