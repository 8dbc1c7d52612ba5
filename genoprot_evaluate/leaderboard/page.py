"""The leaderboard as one HTML page that needs nothing else and no build."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.leaderboard.boards import Board
from genoprot_evaluate.leaderboard.plot import size_plot
from genoprot_evaluate.leaderboard.rows import SIZES, UNKNOWN_SIZE, Row, board_rows, size_class
from genoprot_evaluate.report.classes import CLASSES
from genoprot_evaluate.report.facts import CAVEATS, printable
from genoprot_evaluate.results import Score
from genoprot_evaluate.web import fill_page, marked, with_breaks

__all__ = ["render_leaderboard"]

_MEASURES = ("Accuracy %", "± %", "95% interval", "AUROC", "AUPRC", "MCC", "Brier", "Challenge %", "Record")


def render_leaderboard(boards: Sequence[Board]) -> str:
    """Render the page.

    Every text that comes from a record is escaped, and the page's own policy lets no script run but the one
    of the template. Links lead to ``records/LABEL.json``, ``leaderboard.csv`` and ``leaderboard.json``
    beside the page.

    Parameters
    ----------
    boards : sequence of Board
        One at least.

    Returns
    -------
    str
        An HTML document.
    """
    tasks = [task for task in TASKS if any(task in board.record.tasks for board in boards)]
    groups = {row.group for board in boards for row in board_rows(board)}
    return fill_page(
        "genoprot_evaluate.leaderboard",
        ("choices.js",),
        tones=_tones(),
        views="".join(f'<option value="{task}">{_text(TASKS[task].title)}</option>' for task in tasks),
        classes="".join(
            f'<label><input type="checkbox" name="class" value="{key}" checked> {_text(one.title)}</label>'
            for key, one in CLASSES.items()
            if key in groups
        ),
        sizes="".join(f"<option>{_text(name)}</option>" for name in (*SIZES, UNKNOWN_SIZE)),
        boards="\n".join(_board(board, number) for number, board in enumerate(boards, start=1)),
        caveats="\n".join(f"<li>{_text(caveat)}</li>" for caveat in CAVEATS),
        questions="\n".join(
            f"<dt>{_text(TASKS[task].title)}</dt><dd>{_text(TASKS[task].question)}</dd>" for task in tasks
        ),
    )


def _tones() -> str:
    """Style rules with the colour of each class of models, on light and on dark."""
    light = "".join(f".{key} {{ --tone: {one.dark}; }}\n" for key, one in CLASSES.items())
    dark = "".join(f".{key} {{ --tone: {one.light}; }}\n" for key, one in CLASSES.items())
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _text(value: Any) -> str:
    return escape(printable(str(value)))


def _board(board: Board, number: int) -> str:
    rows = board_rows(board)
    record = board.record
    name = _text(record.dataset["name"])
    records = {label for labels in board.origin.values() for label in labels.values()}
    facts = (
        f"{record.dataset['genes']:,} genes, fingerprint {_text(record.dataset['fingerprint'][:12])}; "
        f"{len(rows)} models from {len(records)} record{'s' * (len(records) != 1)}."
    )
    if board.alone:
        facts += (
            f" No predictions lie beside {_text(', '.join(board.alone))}, so its models are not compared "
            "with others."
        )
    views = [
        _overview(rows, board, "accuracy", number),
        _overview(rows, board, "challenge", number),
        *(_task_view(rows, task, number) for task in record.tasks),
    ]
    return (
        f'<section aria-labelledby="board-{number}"><h2 id="board-{number}">{name}</h2>'
        f'<p class="lead">{facts}</p>'
        f"{size_plot(rows, 'Average accuracy against size')}{''.join(views)}</section>"
    )


def _overview(rows: Sequence[Row], board: Board, view: str, number: int) -> str:
    tasks = board.record.tasks
    accuracy = view == "accuracy"
    caption = (
        "Accuracy in percent, mean over the evaluation samples, with its 95% interval over proteins. The "
        "best encoder or ensemble of a task is bold; = marks what cannot be told from it, > what is better. "
        f"Averages are over all {len(tasks)} tasks; where a model lacks some, the cell says how many it has."
        if accuracy
        else "Accuracy in percent on the challenge pairs: alike in sequence and different in the answer, or "
        "the other way round."
    )
    heads = ['<td colspan="4"></td>']
    for group, title in GROUPS.items():
        span = sum(TASKS[task].group == group for task in tasks)
        if span:
            heads.append(f'<th scope="colgroup" colspan="{span}">{_text(title)}</th>')
    columns = ["Model", "Class", "Parameters", "Average", *(TASKS[task].title for task in tasks)]
    body = []
    for row in rows:
        cells = [
            _model_head(row),
            f"<td>{_text(CLASSES[row.group].label)}</td>",
            _number(row.model.parameters, _millions(row.model.parameters)),
            _average(row, len(tasks)) if accuracy else _challenge_average(row),
        ]
        for task in tasks:
            cells.append(_accuracy_cell(row, task) if accuracy else _challenge_cell(row, task))
        body.append(_row(row, cells))
    title = "Accuracy by task" if accuracy else "Challenge pairs"
    return _view(view, number, title, caption, f"<tr>{''.join(heads)}</tr>", columns, body)


def _task_view(rows: Sequence[Row], task: str, number: int) -> str:
    columns = ["Model", "Class", "Parameters", *_MEASURES]
    ordered = sorted(rows, key=lambda row: -(_mean(row.scores[task]) or 0))
    body = []
    for row in ordered:
        score = row.scores[task]
        cells = [
            _model_head(row),
            f"<td>{_text(CLASSES[row.group].label)}</td>",
            _number(row.model.parameters, _millions(row.model.parameters)),
        ]
        if score.accuracy is None:
            cells.append(_number(None, _status(score)) + "<td>–</td>" * 7)
        else:
            std, interval = score.accuracy.std, score.interval
            low = None if interval is None else interval.low
            cells += [
                _number(score.accuracy.mean, _marked(row, task)),
                _number(std, _percent(std)),
                _number(low, "–" if interval is None else _range(score)),
                *(_number(_mean_of(one), _decimal(_mean_of(one))) for one in (score.auroc, score.auprc)),
                *(_number(_mean_of(one), _decimal(_mean_of(one))) for one in (score.mcc, score.brier)),
                _number(score.challenge_accuracy, _percent(score.challenge_accuracy)),
            ]
        cells.append(f"<td>{_link(row, task, _text(row.records[task]))}</td>")
        body.append(_row(row, cells))
    return _view(task, number, TASKS[task].title, TASKS[task].question, "", columns, body)


def _view(
    view: str, number: int, title: str, caption: str, groups: str, columns: Sequence[str], body: Sequence[str]
) -> str:
    place = f"{view}-{number}"
    heads = "".join(f'<th scope="col" data-sort>{_text(column)}</th>' for column in columns)
    return (
        f'<div data-view="{view}"><h3 id="{place}">{_text(title)}</h3>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{place}"><table>'
        f"<caption>{_text(caption)}</caption><thead>{groups}<tr>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div></div>"
    )


def _row(row: Row, cells: Sequence[str]) -> str:
    return (
        f'<tr data-class="{row.group}" data-size="{_text(size_class(row.model.parameters))}" '
        f'data-model="{_text(row.name)}">{"".join(cells)}</tr>'
    )


def _model_head(row: Row) -> str:
    tone = f'<span class="tone {row.group}"></span>'
    return f'<th scope="row">{tone}{with_breaks(_text(row.name))}</th>'


def _link(row: Row, task: str, shown: str) -> str:
    return f'<a href="records/{quote(row.records[task])}.json">{shown}</a>'


def _number(value: float | None, shown: str) -> str:
    return f'<td data-value="{"" if value is None else value}">{shown}</td>'


def _accuracy_cell(row: Row, task: str) -> str:
    score = row.scores[task]
    if score.accuracy is None or score.accuracy.mean is None:
        return _number(None, _status(score))
    shown = _link(row, task, _marked(row, task))
    if score.interval is not None:
        shown += f"<small>{_range(score)}</small>"
    return _number(score.accuracy.mean, shown)


def _challenge_cell(row: Row, task: str) -> str:
    score = row.scores[task]
    if score.challenge_accuracy is None:
        return _number(None, "–" if score.status == "OK" else _status(score))
    pairs = f"<small>{score.challenge_examples:,} pairs</small>"
    return _number(score.challenge_accuracy, _link(row, task, _percent(score.challenge_accuracy)) + pairs)


def _marked(row: Row, task: str) -> str:
    return marked(_percent(row.scores[task].accuracy.mean), row.mark(task))


def _average(row: Row, tasks: int) -> str:
    if row.average is None:
        return _number(None, f'<span class="absent">{row.covered} of {tasks} tasks</span>')
    rank = "" if row.rank is None else f"<small>rank {row.rank:.1f}</small>"
    return _number(row.average, _percent(row.average) + rank)


def _challenge_average(row: Row) -> str:
    values = [score.challenge_accuracy for score in row.scores.values()]
    values = [value for value in values if value is not None]
    if not values:
        return _number(None, "–")
    return _number(
        sum(values) / len(values), f"{_percent(sum(values) / len(values))}<small>{len(values)} tasks</small>"
    )


def _status(score: Score) -> str:
    shown = score.status if score.status != "OK" else "undefined"
    return f'<span class="absent" title="{_text(score.reason or "")}">{_text(shown)}</span>'


def _range(score: Score) -> str:
    return f"{100 * score.interval.low:.1f}–{100 * score.interval.high:.1f}"


def _mean(score: Score) -> float | None:
    return _mean_of(score.accuracy)


def _mean_of(summary: Any) -> float | None:
    return None if summary is None else summary.mean


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _millions(parameters: int | None) -> str:
    return (
        "–"
        if parameters is None
        else f"{parameters / 1e6:,.0f} M"
        if parameters >= 1e6
        else f"{parameters:,}"
    )
