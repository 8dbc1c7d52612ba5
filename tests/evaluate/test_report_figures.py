"""The bar chart: what is drawn is what the record says, and always with the same bytes."""

from __future__ import annotations

import colorsys
import re
import xml.etree.ElementTree as ElementTree

import pytest
from report_records import HOSTILE, NAMES, make_record

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.report.classes import CLASSES, class_of, colours, models_by_class
from genoprot_evaluate.report.figures import CHANCE, accuracy_figure, inline_svg, save_figure
from genoprot_evaluate.results import ResultRecord, ScoredModel


def panels(figure) -> dict[str, object]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def test_panels_stand_in_rows_of_groups():
    figure = accuracy_figure(make_record())
    places = [axes.get_position() for axes in figure.axes]
    assert list(panels(figure)) == [spec.title for spec in sorted(TASKS.values(), key=_group_order)]
    assert len({round(place.y0, 6) for place in places}) == 3
    assert len({round(place.x0, 6) for place in places}) == 3
    for first in places:
        assert 0 <= first.x0 < first.x1 <= 1
        assert 0 <= first.y0 < first.y1 <= 1
        assert not any(first.overlaps(other) for other in places if other is not first)


def _group_order(spec) -> int:
    return ("structure", "functional", "biomedical").index(spec.group)


def test_bars_errors_samples_and_chance_are_those_of_the_record():
    record = make_record()
    figure = accuracy_figure(record)
    for task, spec in TASKS.items():
        axes = panels(figure)[spec.title]
        order = [name for names in models_by_class(record).values() for name in names]
        scored = [name for name in order if _mean(record, task, name) is not None]
        assert [bar.get_width() for bar in axes.patches] == [_mean(record, task, name) for name in scored]
        tones = colours(record)
        assert [_hex(bar.get_facecolor()) for bar in axes.patches] == [tones[name] for name in scored]
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert [tuple(line.get_xdata()) for line in dots] == [
            record.scores[task][name].accuracy.samples for name in scored
        ]
        spans = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
        expected = [
            [summary.mean - summary.std, summary.mean + summary.std]
            for name in scored
            for summary in [record.scores[task][name].accuracy] * 2
        ]
        assert spans == [pytest.approx(span) for span in expected]
        assert [CHANCE, CHANCE] in [list(line.get_xdata()) for line in axes.lines]
        said = [text.get_text() for text in axes.texts]
        assert len(said) == len(order)
        for name in scored:
            assert f"{100 * _mean(record, task, name):.1f}" in said


def _mean(record: ResultRecord, task: str, name: str) -> float | None:
    accuracy = record.scores[task][name].accuracy
    return accuracy and accuracy.mean


def _hex(colour) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


def test_cells_without_a_score_say_their_status():
    figure = accuracy_figure(make_record())
    said = {title: [text.get_text() for text in axes.texts] for title, axes in panels(figure).items()}
    assert "N/A" in said["Melanoma dependency"]
    assert "ERROR" in said["Protein-protein interaction"]
    assert "undefined" in said["Shared disease"]
    assert not {"N/A", "ERROR", "undefined"} & set(said["Shared Pfam"])


def test_names_neither_overlap_nor_leave_the_figure():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    many = [f"someone/a-model-with-a-very-long-name-number-{number}-finetuned" for number in range(20)]
    figure = accuracy_figure(make_record(many))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        for upper, lower in zip(boxes, boxes[1:]):
            assert upper.y0 >= lower.y1
        assert all(box.x0 >= 0 for box in boxes)
        assert all(label.get_fontsize() >= 8 for label in [*axes.get_yticklabels(), *axes.texts])
    legend = figure.legends[0].get_window_extent()
    assert legend.x1 <= figure.bbox.x1
    assert legend.y0 >= max(axes.get_window_extent().y1 for axes in figure.axes)


@pytest.mark.parametrize("tasks", [("melanoma",), ("pfam", "ppi", "pathway")])
def test_only_tasks_of_the_record_are_drawn(tasks):
    figure = accuracy_figure(make_record(tasks=tasks))
    assert list(panels(figure)) == [TASKS[task].title for task in tasks]
    legend = figure.legends[0]
    figure.canvas.draw()
    assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_same_record_same_bytes_whatever_the_users_settings(tmp_path):
    import matplotlib

    written = []
    for name, settings in (("one", {}), ("two", {"font.size": 30, "svg.fonttype": "path"})):
        (tmp_path / name).mkdir()
        with matplotlib.rc_context(settings):
            paths = save_figure(accuracy_figure(make_record(HOSTILE, ["ppi"])), tmp_path / name)
        written.append({path.name: path.read_bytes() for path in paths})
    assert written[0] == written[1]
    assert written[0]["accuracy.png"].startswith(b"\x89PNG")
    assert set(written[0]) == {"accuracy.png", "accuracy.svg"}


def test_svg_holds_hostile_names_as_text(tmp_path, recwarn):
    _, svg = save_figure(accuracy_figure(make_record(HOSTILE, ["ppi"])), tmp_path)
    root = ElementTree.parse(svg).getroot()
    texts = {"".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")}
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert HOSTILE[0] in texts
    assert HOSTILE[3] in texts
    assert "line break\ufffd\ufffd, and 核酸" in texts
    assert not {"script", "img", "image", "a", "foreignObject"} & tags
    assert not [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)]


def test_inline_svg_takes_the_pages_colours_and_names_no_resource():
    text = inline_svg(accuracy_figure(make_record()), 'say "it" & <more>')
    assert text.startswith("<svg viewBox=")
    assert 'aria-label="say &quot;it&quot; &amp; &lt;more&gt;"' in text
    assert "http" not in text
    assert {"ink", "muted", "rule", "paper"} == set(re.findall(r"var\(--(\w+), #", text))
    head = text[: text.index(">")]
    assert "width" not in head
    assert "height" not in head
    ElementTree.fromstring(text)


def test_tones_of_a_class_differ_and_keep_its_hue():
    record = make_record()
    tones = colours(record)
    assert len(set(tones.values())) == len(NAMES)
    for key, names in models_by_class(record).items():
        hues = [_hue(tones[name]) for name in names]
        assert all(abs(hue - _hue(CLASSES[key].dark)) < 0.06 for hue in hues) or key == "baseline"
        assert [_luma(tones[name]) for name in names] == sorted(_luma(tones[name]) for name in names)


def _hue(colour: str) -> float:
    return colorsys.rgb_to_hsv(*(part / 255 for part in bytes.fromhex(colour[1:])))[0]


def _luma(colour: str) -> float:
    red, green, blue = bytes.fromhex(colour[1:])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_unknown_modality_is_a_class_of_its_own():
    assert class_of(ScoredModel("encoder", "x", "rna")) == "other"
    assert class_of(ScoredModel("encoder", "x", "baseline")) == "other"
