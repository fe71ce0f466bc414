"""The plots of all trials: what each reached, and its learning curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from phase6c.analysis.trials import Result, Search
from phase6c.document.document import TOP
from phase6c.document.picture import BLUE, GREY, INK, ORANGE, RED, Picture, legend_above, picture
from phase6c.document.section import number
from phase6c.records import STATES, State, objective_value, score
from phase6c.report.convergence import chosen_results, improvements
from phase6c.report.gaps import best_result
from phase6c.wording import counted, metric_words, words

# The best and the references stand out from all others by their colours.
_COLOURS: dict[State, str] = {
    "COMPLETE": "#7fa8cc",
    "PRUNED": GREY,
    "FAILED": RED,
    "RUNNING": "#c9a227",
}
_SIZE = (4.8, 3.7)


class _Line(NamedTuple):
    """A level to hold trials against."""

    label: str
    value: float


def history(search: Search) -> Picture | None:
    """What every trial of the search reached, and the best so far, against compute.

    Args:
        search: A study, or a file of trials.

    Returns:
        None before the search has measured a trial.
    """
    results, steps = chosen_results(search), improvements(search)
    if not results:
        return None
    epochs = np.cumsum([len(result.curve) for result in results])
    values = [score(result.score, search.objective) for result in results]
    places = dict(zip((result.number for result in results), epochs.tolist(), strict=True))
    states = [state for state in _COLOURS if any(result.state == state for result in results)]
    best = best_result(search)

    def draw(axes: Axes) -> None:
        ends = [*(step.epochs for step in steps), epochs[-1]]
        reached = [score(step.score, search.objective) for step in steps]
        axes.step(ends, [*reached, reached[-1]], where="post", color=BLUE, label="best so far")
        for state in states:
            own = [n for n, result in enumerate(results) if result.state == state]
            heights = [values[n] for n in own]
            label = f"{STATES[state]} ({len(own)})"
            gid, colour = f"trials-{state}", _COLOURS[state]
            axes.plot(epochs[own], heights, "o", color=colour, ms=5, label=label, gid=gid)
        if best is not None and best.number in places:
            at, height = places[best.number], score(best.score, search.objective)
            label = f"best: trial {best.number}"
            axes.plot([at], [height], "o", mfc="none", ms=11, mew=1.5, color=BLUE, label=label)
        _draw_lines(axes, search)
        unit = "epochs trained by all trials" if search.n_epochs > 1 else "trials"
        axes.set(xlabel=unit, ylabel=f"validation {metric_words(search.objective)}")
        legend_above(axes)

    return picture(
        TOP,
        "convergence",
        "Every trial of the search, in the order of its run, and the best so far",
        draw,
        _SIZE,
        titles={
            f"trials-{state}": [
                _in_words(result, search) for result in results if result.state == state
            ]
            for state in states
        },
        alternative="; ".join(_history_in_words(search, results)),
    )


def curves(search: Search) -> Picture | None:
    """The learning curves, with best, references, strongest baseline and rungs marked.

    Args:
        search: A study.

    Returns:
        None for a file, for trainings of a single epoch, and before any epoch is measured.
    """
    searched = [result for result in search.results if result.source != "probe" and result.curve]
    if search.study is None or search.n_epochs < 2 or not searched:
        return None
    best = best_result(search)
    marked = [result for result in searched if result.source == "reference" or result is best]

    def draw(axes: Axes) -> None:
        for state, colour in _COLOURS.items():
            own = [
                shown(result)
                for result in searched
                if result.state == state and result not in marked
            ]
            if own:
                label = f"{STATES[state]} ({len(own)})"
                # A single artist for all, as a thousand lines would take seconds.
                lines = [list(enumerate(curve, start=1)) for curve in own]
                axes.add_collection(LineCollection(lines, colors=colour, lw=0.9, label=label))
                single = [curve[0] for curve in own if len(curve) == 1]
                axes.plot([1] * len(single), single, ".", color=colour)
        for result in marked:
            _draw_marked(axes, result, shown(result), search)
        for n, epoch in enumerate(_stopping_epochs(search)):
            # An underscore keeps a line out of the legend.
            label = "_" if n else "rung that stopped trials"
            axes.axvline(epoch, color=GREY, ls="--", lw=0.9, label=label)
        axes.autoscale_view()
        _draw_lines(axes, search, references=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=f"validation {metric_words(search.objective)}")
        legend_above(axes)

    def shown(result: Result) -> list[float]:
        return [score(value, search.objective) for value in result.curve]

    words_of_it = f"Learning curves of {counted(len(searched), 'trial')}"
    if best is not None:
        words_of_it += f"; the best is trial {best.number} with {_value(best.score, search)}"
    caption = "Learning curves; the best, references and the strongest baseline are marked"
    if any(result.final is not None for result in searched):
        caption += ". Epochs are measured on a part of the validation rows, baselines on all"
    return picture("rungs", "learning_curves", caption, draw, _SIZE, alternative=words_of_it)


def _draw_marked(axes: Axes, result: Result, curve: Sequence[float], search: Search) -> None:
    is_reference = result.source == "reference"
    label = _reference_name(result, search) if is_reference else f"best: trial {result.number}"
    colour, style = (ORANGE, "s--") if is_reference else (BLUE, "o-")
    epochs = range(1, len(curve) + 1)
    axes.plot(epochs, curve, style, color=colour, ms=4, lw=2, label=label)


def _draw_lines(axes: Axes, search: Search, *, references: bool = True) -> None:
    """The strongest baseline and the best reference, across the whole plot."""
    baseline = _strongest_baseline(search)
    if baseline is not None:
        axes.axhline(baseline.value, color=INK, ls=":", lw=1.2, label=baseline.label)
    reference = _best_reference(search) if references else None
    if reference is not None:
        axes.axhline(reference.value, color=ORANGE, ls="--", lw=1.2, label=reference.label)


def _strongest_baseline(search: Search) -> _Line | None:
    study = search.study
    known = [
        _Line(words(baseline.name), value)
        for baseline in (study.config.baselines if study else ())
        if (value := objective_value(baseline.metrics, search.objective)) is not None
    ]
    return max(known, key=lambda line: score(line.value, search.objective), default=None)


def _best_reference(search: Search) -> _Line | None:
    known = [result for result in search.results if result.source == "reference" and result.curve]
    best = max(known, key=lambda result: result.score, default=None)
    if best is None:
        return None
    return _Line(_reference_name(best, search), score(best.score, search.objective))


def _reference_name(result: Result, search: Search) -> str:
    trials = search.study.trials if search.study else ()
    name = next((trial.name for trial in trials if trial.number == result.number), None)
    return words(name or f"reference {result.number}")


def _stopping_epochs(search: Search) -> list[int]:
    trials = search.study.trials if search.study else ()
    return sorted({trial.stopped.epoch for trial in trials if trial.stopped is not None})


def _value(reached: float, search: Search) -> str:
    return f"{metric_words(search.objective)} {number(score(reached, search.objective))}"


def _in_words(result: Result, search: Search) -> str:
    return (
        f"trial {result.number}: {_value(result.score, search)}, {STATES[result.state]}, "
        f"{counted(len(result.curve), 'epoch')}"
    )


def _history_in_words(search: Search, results: Sequence[Result]) -> Iterator[str]:
    yield f"Values of {counted(len(results), 'trial')}"
    best = best_result(search)
    if best is not None:
        yield f"the best is trial {best.number} with {_value(best.score, search)}"
    baseline = _strongest_baseline(search)
    if baseline is not None:
        yield f"the strongest baseline, {baseline.label}, has {number(baseline.value)}"
