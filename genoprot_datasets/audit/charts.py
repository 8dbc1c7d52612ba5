"""Small charts as SVG, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["histogram", "length_boxes", "plane", "share_scatter"]

_WIDTH, _HEIGHT = 340, 220
_LEFT, _BOTTOM, _TOP, _RIGHT = 46, 34, 10, 12


def _frame(body: str, title: str, width: int = _WIDTH, height: int = _HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def _text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def _axes(x_label: str, y_label: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    turned = f'transform="rotate(-90 12 {(_TOP + bottom) / 2:.0f})"'
    return (
        f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
        + _text((_LEFT + right) / 2, _HEIGHT - 4, x_label)
        + _text(12, (_TOP + bottom) / 2, y_label, more=turned)
    )


def histogram(counts: Sequence[int], x_label: str, title: str) -> str:
    """Bars over equal bins from 0 to 1.

    Parameters
    ----------
    counts : sequence of int
    x_label, title : str

    Returns
    -------
    str
        SVG.
    """
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    step, most = (right - _LEFT) / len(counts), max(max(counts), 1)
    heights = [count / most * (bottom - _TOP) for count in counts]
    bars = "".join(
        f'<rect class="bar" x="{_LEFT + k * step + 0.5:.1f}" y="{bottom - height:.1f}" '
        f'width="{step - 1:.1f}" height="{height:.1f}"><title>{counts[k]:,}</title></rect>'
        for k, height in enumerate(heights)
    )
    ticks = "".join(
        _text(_LEFT + place * (right - _LEFT), bottom + 13, f"{place:g}") for place in (0, 0.25, 0.5, 0.75, 1)
    )
    top = _text(_LEFT - 4, _TOP + 8, f"{most:,}", "end") + _text(_LEFT - 4, bottom, "0", "end")
    return _frame(_axes(x_label, "records") + bars + ticks + top, title)


def length_boxes(features: Mapping[str, Any], title: str) -> str:
    """Box and outline of the distribution of both lengths on the paper's common scale.

    Parameters
    ----------
    features : mapping
        From `figures.sequence_features`.
    title : str

    Returns
    -------
    str
        SVG.
    """
    bottom = _HEIGHT - _BOTTOM
    scaled = (
        ("DNA, bases / 1,000", features["dna_length"], 1000),
        ("protein, residues / 10", features["protein_length"], 10),
    )
    limit = max(own["highest"] / unit for _, own, unit in scaled) * 1.05 or 1.0

    def y(value: float) -> float:
        return bottom - value / limit * (bottom - _TOP)

    body = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>']
    body += [_text(_LEFT - 4, y(limit * k / 4) + 3, f"{limit * k / 4:.3g}", "end") for k in range(5)]
    for number, (name, own, unit) in enumerate(scaled):
        middle = _LEFT + (_WIDTH - _RIGHT - _LEFT) * (0.27 + 0.47 * number)
        low, high = own["lowest"] / unit, own["highest"] / unit
        step, most = (high - low) / len(own["density"]), max(own["density"])
        edges = [(low + (k + 0.5) * step, 52 * count / most) for k, count in enumerate(own["density"])]
        right = " ".join(f"{middle + width:.1f},{y(value):.1f}" for value, width in edges)
        left = " ".join(f"{middle - width:.1f},{y(value):.1f}" for value, width in reversed(edges))
        body.append(f'<polygon class="{"eval" if number else "train"} soft" points="{right} {left}"/>')
        q1, median, q3 = (own[key] / unit for key in ("q1", "median", "q3"))
        body.append(f'<path class="axis" d="M{middle:.1f} {y(low):.1f}V{y(high):.1f}"/>')
        body.append(
            f'<rect class="box" x="{middle - 9:.1f}" y="{y(q3):.1f}" width="18" '
            f'height="{y(q1) - y(q3):.1f}"/>'
        )
        body.append(f'<path class="median" d="M{middle - 9:.1f} {y(median):.1f}h18"/>')
        body.append(_text(middle, bottom + 14, name))
        body.append(_text(middle, bottom + 27, f"median {own['median']:,.0f}"))
    return _frame("".join(body), title)


def plane(points: Sequence[Sequence[float]], fold: Sequence[int], which: int, title: str) -> str:
    """Points of one fold before those of the other.

    Parameters
    ----------
    points : sequence of (float, float)
        From 0 to 1.
    fold : sequence of int
    which : int
        Fold that is shown in colour.
    title : str

    Returns
    -------
    str
        SVG.
    """
    side = 300

    def marks(wanted: bool) -> str:
        return "".join(
            f"M{8 + x * (side - 16):.1f} {side - 8 - y * (side - 16):.1f}h0"
            for (x, y), own in zip(points, fold)
            if (own == which) == wanted
        )

    name = "eval" if which else "train"
    body = f'<path class="dots other" d="{marks(False)}"/><path class="dots {name}" d="{marks(True)}"/>'
    return _frame(body, title, side, side)


def share_scatter(points: Sequence[Sequence[Any]], title: str) -> str:
    """Share of each value in both folds.

    Parameters
    ----------
    points : sequence of (float, float, str)
        Share in train, share in eval and name of each value.
    title : str

    Returns
    -------
    str
        SVG.
    """
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    limit = max((max(x, y) for x, y, _ in points), default=0.0) * 1.05 or 1.0
    body = [
        f'<path class="guide" d="M{_LEFT} {bottom}L{right} {_TOP}"/>',
        _axes("share in train", "share in eval"),
    ]
    for x, y, name in points:
        words = f"{escape(str(name))}: {x:.2%} train, {y:.2%} eval"
        body.append(
            f'<circle class="bar" r="2.5" cx="{_LEFT + x / limit * (right - _LEFT):.1f}" '
            f'cy="{bottom - y / limit * (bottom - _TOP):.1f}"><title>{words}</title></circle>'
        )
    body += [
        _text(right, bottom + 13, f"{limit:.0%}", "end"),
        _text(_LEFT - 4, _TOP + 8, f"{limit:.0%}", "end"),
    ]
    return _frame("".join(body), title)
