"""Average accuracy against the number of trained parameters, as an SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from genoprot_evaluate.leaderboard.rows import Row
from genoprot_evaluate.report.classes import CLASSES
from genoprot_evaluate.report.facts import printable

__all__ = ["size_plot"]

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 48
_UNKNOWN = 110
_LETTER = 6.6
_SHAPES = {
    "dna": '<circle r="6"/>',
    "protein": '<rect x="-5.5" y="-5.5" width="11" height="11"/>',
    "both": '<path d="M0 -7 L7 0 L0 7 L-7 0 Z"/>',
    "other": '<path d="M0 -7 L6.5 5 L-6.5 5 Z"/>',
}


def size_plot(rows: Sequence[Row], label: str) -> str:
    """Draw the encoders that have every task; empty text where none of known size does.

    Encoders without trained parameters, or whose number is not known, stand in a strip of their own on the
    left. The dashed line is the best baseline.

    Parameters
    ----------
    rows : sequence of Row
    label : str
        What the figure shows, for those who do not see it.
    """
    shown = [row for row in rows if row.model.kind == "encoder" and row.average is not None]
    if not any(row.model.parameters for row in shown):
        return ""
    floor = max(
        (r.average for r in rows if r.model.kind == "baseline" and r.average is not None), default=None
    )
    heights = [row.average for row in shown] + ([floor] if floor is not None else [])
    low = math.floor(min([0.5, *heights]) * 20) / 20
    high = min(1.0, math.ceil((max(heights) + 0.01) * 20) / 20)
    sizes = [row.model.parameters for row in shown if row.model.parameters]
    first = math.floor(math.log10(min(sizes)))
    last = max(first + 1, math.ceil(math.log10(max(sizes))))

    def across(parameters: int | None) -> float:
        if not parameters:
            return _LEFT + _UNKNOWN / 2
        share = (math.log10(parameters) - first) / (last - first)
        return _LEFT + _UNKNOWN + share * (_WIDTH - _RIGHT - _LEFT - _UNKNOWN)

    def down(accuracy: float) -> float:
        return _TOP + (high - accuracy) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    steps = round((high - low) * 20)
    for step in range(steps + 1):
        value = low + step / 20
        parts.append(
            f'<path class="grid" d="M{_LEFT} {down(value):.1f} H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 8}" y="{down(value) + 4:.1f}" text-anchor="end">{100 * value:.0f}</text>'
        )
    bottom = _HEIGHT - _BOTTOM
    parts.append(f'<path class="grid" d="M{_LEFT + _UNKNOWN} {_TOP} V{bottom}"/>')
    parts.append(f'<text x="{_LEFT}" y="{bottom + 18}">none or unknown</text>')
    for power in range(first, last + 1):
        anchor = {first: "start", last: "end"}.get(power, "middle")
        place = f'x="{across(10**power):.1f}" y="{bottom + 18}" text-anchor="{anchor}"'
        parts.append(f"<text {place}>{_size(10**power)}</text>")
    parts.append(
        f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">trained parameters</text>'
        f'<text transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        "average accuracy, %</text>"
    )
    if floor is not None:
        parts.append(
            f'<path class="floor" d="M{_LEFT} {down(floor):.1f} H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_WIDTH - _RIGHT}" y="{down(floor) - 5:.1f}" text-anchor="end">best baseline</text>'
        )
    places = [(across(row.model.parameters), down(row.average)) for row in shown]
    for row, (x, y), label_place in zip(shown, places, _label_places(shown, places)):
        name = escape(printable(row.name))
        words = f"{name}: {100 * row.average:.1f} %, {_size(row.model.parameters)} parameters"
        written = "" if label_place is None else f"<text {label_place}>{name}</text>"
        parts.append(
            f'<g class="point {row.group}" data-model="{name}" tabindex="0" role="img" aria-label="{words}" '
            f'transform="translate({x:.1f} {y:.1f})"><title>{words}</title>{_SHAPES[row.group]}{written}</g>'
        )
    groups = [group for group in CLASSES if any(row.group == group for row in shown)]
    legend = " ".join(
        f'<span class="key {group}"><svg viewBox="-8 -8 16 16" aria-hidden="true">{_SHAPES[group]}</svg>'
        f"{escape(CLASSES[group].title)}</span>"
        for group in groups
    )
    return (
        f'<figure class="scroll" tabindex="0" aria-label="{escape(label)}; scrolls sideways">'
        f'<svg class="sizes" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="group" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg><figcaption>{legend}</figcaption></figure>"
    )


def _label_places(rows: Sequence[Row], places: Sequence[tuple[float, float]]) -> list[str | None]:
    """Where each name is written beside its point; None where it would cover a point or another name."""
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in places]
    found: list[str | None] = []
    for row, (x, y) in zip(rows, places):
        width = _LETTER * len(row.name)
        found.append(None)
        for left, base, anchor in (
            (10, 4, "start"),
            (-10 - width, 4, "end"),
            (8, -10, "start"),
            (8, 19, "start"),
        ):
            box = (x + left, y + base - 11, x + left + width, y + base + 3)
            inside = box[0] >= _LEFT and box[2] <= _WIDTH and box[1] + 11 >= _TOP
            own = (x - 8, y - 8, x + 8, y + 8)
            if inside and not any(_overlap(box, other) for other in taken if other != own):
                taken.append(box)
                found[-1] = f'x="{-10 if anchor == "end" else left}" y="{base}" text-anchor="{anchor}"'
                break
    return found


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _size(parameters: int | None) -> str:
    """A number of parameters in words.

    Examples
    --------
    >>> _size(10**9), _size(650_000_000), _size(None)
    ('1 B', '650 M', 'unknown')
    """
    if parameters is None:
        return "unknown"
    for unit, letter in ((10**9, " B"), (10**6, " M"), (10**3, " k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{letter}"
    return str(parameters)
