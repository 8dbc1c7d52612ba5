"""The bar chart of accuracies: one panel per task, one bar per model."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.report.classes import CLASSES, colours, models_by_class
from genoprot_evaluate.report.facts import printable
from genoprot_evaluate.results import ResultRecord, Score

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CHANCE", "accuracy_figure", "inline_svg", "save_figure"]

CHANCE = 0.5
"""Accuracy of a guess, where both classes are equally frequent."""

# Colours of everything but the bars; a page gives them the values of its own theme.
INK, MUTED, RULE, PAPER = "#1c2126", "#5b636b", "#d8dde2", "#ffffff"
_THEME = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper"}

# Sizes in inches.
PANEL = 2.75
GAP = 0.62
BAR_PITCH = 0.19
PADDING = 0.05
CLASS_GAP = 0.09
ROW_HEAD = 0.62
ROW_FOOT = 0.38
TITLE = 0.74
LEGEND_LINE = 0.19
LEGEND_ENTRY = 2.15
MARGIN = 0.2
LETTER = 0.085
LONGEST_NAME = 36

_STYLE = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    # Names of models are text, never mathematics.
    "text.parse_math": False,
    "text.color": INK,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "geno-prot",
}
_SAMPLE = {
    "marker": "o",
    "markersize": 2.4,
    "markerfacecolor": PAPER,
    "markeredgecolor": INK,
    "markeredgewidth": 0.45,
}
_CHANCE_LINE = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 2))}


@dataclass(frozen=True)
class _Layout:
    """Where things stand on the figure, in inches; `places` counts from the top of a panel downwards."""

    rows: list[list[str]]
    places: dict[str, float]
    depth: float
    left: float
    top: float
    width: float

    @property
    def panel_height(self) -> float:
        return self.depth + 2 * PADDING

    @property
    def height(self) -> float:
        return self.top + len(self.rows) * (ROW_HEAD + self.panel_height + ROW_FOOT)

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel."""
        from_top = self.top + row * (ROW_HEAD + self.panel_height + ROW_FOOT) + ROW_HEAD + self.panel_height
        return self.left + column * (PANEL + GAP), self.height - from_top, PANEL, self.panel_height


def accuracy_figure(record: ResultRecord) -> Figure:
    """Draw mean accuracies with their standard deviations and the accuracy of every sample.

    Panels stand in one row per group of tasks. All panels have the models in the same order, so that
    names are written once per row; the figure grows with the number of models.

    Parameters
    ----------
    record : ResultRecord
        With one task and one model at least.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GenoProtError
        If matplotlib is not installed.
    """
    with _drawing():
        from matplotlib.figure import Figure

        legend = _legend(record)
        layout = _layout(record, entries=len(legend))
        width, height = layout.width, layout.height
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        _head(figure, record, legend)
        for row, tasks in enumerate(layout.rows):
            for column, task in enumerate(tasks):
                x, y, wide, high = layout.box(row, column)
                axes = figure.add_axes((x / width, y / height, wide / width, high / height))
                _panel(axes, record, task, layout, named=column == 0)
                if column == 0:
                    heading = GROUPS[TASKS[task].group]
                    above = (y + high + 0.36) / height
                    figure.text(x / width, above, heading, fontsize=11, fontweight="bold")
    return figure


def save_figure(figure: Figure, folder: str | Path) -> list[Path]:
    """Write `accuracy.png` (144 dots per inch) and `accuracy.svg`; the same figure gives the same bytes.

    Returns
    -------
    list of Path
    """
    png, svg = Path(folder) / "accuracy.png", Path(folder) / "accuracy.svg"
    with _drawing():
        figure.savefig(png, dpi=144)
    svg.write_text(_svg(figure), encoding="utf-8")
    return [png, svg]


def inline_svg(figure: Figure, label: str) -> str:
    """The figure as an ``<svg>`` element for a page.

    It fills the width it is given, names no outside resource (not even a namespace, which HTML implies),
    and takes the colours of text, rules and paper from the page's custom properties ``--ink``,
    ``--muted``, ``--rule`` and ``--paper``.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    label : str
        What is read out in place of the figure.
    """
    text = _svg(figure)
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    view = re.search(r'viewBox="[\d. ]+"', head).group()
    for colour, name in _THEME.items():
        body = re.sub(rf"\b(fill|stroke): {colour}\b", rf"\1: var(--{name}, {colour})", body)
    body = body.replace(' xlink:href="#', ' href="#').strip()
    return f'<svg {view} role="img" aria-label="{escape(label)}">{body}'


@contextmanager
def _drawing() -> Iterator[None]:
    """Settings under which figures are made and saved, whatever the user's own are."""
    try:
        import matplotlib.style
    except ImportError:
        raise GenoProtError("matplotlib is not installed; pip install 'geno-prot[report]'") from None
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with _drawing():
        figure.savefig(buffer, format="svg", metadata=unsaid)
    return buffer.getvalue()


def _layout(record: ResultRecord, entries: int) -> _Layout:
    """Lay out the panels of a record under a legend with so many entries."""
    by_group = ([task for task in record.tasks if TASKS[task].group == group] for group in GROUPS)
    rows = [tasks for tasks in by_group if tasks]
    places: dict[str, float] = {}
    depth = 0.0
    for names in models_by_class(record).values():
        depth += CLASS_GAP if places else 0.0
        for name in names:
            places[name] = depth + BAR_PITCH / 2
            depth += BAR_PITCH
    left = MARGIN + LETTER * max(10, *(len(_short(name)) for name in places)) + 0.1
    width = left + max(map(len, rows)) * (PANEL + GAP)
    top = TITLE + LEGEND_LINE * math.ceil(entries / _legend_columns(width))
    return _Layout(rows, places, depth, left, top, width)


def _legend_columns(width: float) -> int:
    return max(1, min(5, int((width - 2 * MARGIN) / LEGEND_ENTRY)))


def _panel(axes: Axes, record: ResultRecord, task: str, layout: _Layout, *, named: bool) -> None:
    """One task; the names of the models are written beside the first panel of a row."""
    axes.set_xlim(0, 1)
    axes.set_ylim(layout.depth + PADDING, -PADDING)
    axes.set_title(TASKS[task].title, loc="left", fontsize=9.5, pad=5)
    axes.set_axisbelow(True)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, [f"{100 * tick:.0f} %" for tick in ticks], fontsize=8)
    axes.grid(axis="x", color=RULE, linewidth=0.7)
    axes.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    shown = layout.places if named else {}
    axes.set_yticks(list(shown.values()), [_short(name) for name in shown], fontsize=9)
    tones = colours(record)
    for name, depth in layout.places.items():
        _bar(axes, record.scores[task][name], depth, tones[name])
    axes.axvline(CHANCE, **_CHANCE_LINE, zorder=3)


def _bar(axes: Axes, score: Score, depth: float, tone: str) -> None:
    """Bar, standard deviation, samples and the mean in figures; without a score, the status."""
    if score.accuracy is None or score.accuracy.mean is None:
        status = score.status if score.status != "OK" else "undefined"
        axes.text(0.02, depth, status, va="center", fontsize=8, fontstyle="italic", color=MUTED)
        return
    mean, std = score.accuracy.mean, score.accuracy.std
    thickness = 0.8 * BAR_PITCH
    axes.barh(depth, mean, height=thickness, color=tone, zorder=2)
    samples = score.accuracy.samples
    # Samples are spread over the bar's thickness in their order: equal ones stay apart.
    spread = [thickness * (0.35 - 0.7 * (number + 0.5) / len(samples)) for number in range(len(samples))]
    heights = [depth + shift for shift in spread]
    axes.plot(samples, heights, linestyle="none", **_SAMPLE, zorder=4, clip_on=False)
    if std is not None:
        for colour, width in ((PAPER, 2.6), (INK, 1.2)):
            axes.errorbar(mean, depth, xerr=std, fmt="none", ecolor=colour, elinewidth=width, zorder=5)
    axes.text(1.03, depth, f"{100 * mean:.1f}", va="center", fontsize=8, transform=axes.get_yaxis_transform())


def _legend(record: ResultRecord) -> list[Artist]:
    """One entry per class of models that the record has, then the marks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    tones = colours(record)
    classes = [
        Patch(color=tones[names[len(names) // 2]], label=CLASSES[key].title)
        for key, names in models_by_class(record).items()
    ]
    return [
        *classes,
        Line2D([], [], color=INK, linewidth=1.2, label="mean ± standard deviation"),
        Line2D([], [], linestyle="none", **_SAMPLE, label="one evaluation sample"),
        Line2D([], [], **_CHANCE_LINE, label="chance"),
    ]


def _head(figure: Figure, record: ResultRecord, legend: list[Artist]) -> None:
    """Title, what was scored, and the legend."""
    width, height = figure.get_size_inches()
    dataset = record.dataset
    said = f"{_short(str(dataset['name']))}, fingerprint {_short(str(dataset['fingerprint'])[:12])}"
    x = MARGIN / width
    figure.text(x, 1 - 0.33 / height, "GENO-PROT: accuracy by task", fontsize=13, fontweight="bold")
    figure.text(x, 1 - 0.56 / height, said, color=MUTED)
    figure.legend(
        handles=legend,
        loc="upper left",
        bbox_to_anchor=(x, 1 - 0.68 / height),
        ncols=_legend_columns(width),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0,
        borderpad=0,
        handlelength=1.8,
        columnspacing=1.6,
    )


def _short(name: str) -> str:
    """A name on one line; its middle gives way to an ellipsis when it is too long."""
    name = printable(name) or "(no name)"
    if len(name) <= LONGEST_NAME:
        return name
    kept = (LONGEST_NAME - 1) // 2
    return f"{name[: LONGEST_NAME - 1 - kept]}…{name[-kept:]}"
