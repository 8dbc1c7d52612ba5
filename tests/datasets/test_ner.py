"""Training of the recogniser of anatomical sites."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets import ner
from genoprot_datasets.anatomy import load_recogniser
from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.ner import NerConfig, Sentence, read_iob, train_recogniser

ORGANS = ("liver", "kidney", "spleen", "heart")
CELLS = ("macrophages", "neurons", "fibroblasts")
SMALL = NerConfig(width=32, depth=2, dropout=0.1, batch_words=120, steps=60)


def tiny(organs=ORGANS, cells=CELLS) -> list[Sentence]:
    sentences = []
    for organ in organs:
        for cell in cells:
            sentences.append(
                Sentence(
                    ("Detected", "in", "the", organ, "and", "in", cell, "."),
                    ("O", "O", "O", "B-Organ", "O", "O", "B-Cell", "O"),
                )
            )
            sentences.append(
                Sentence(
                    ("Left", organ, "lobe"), ("B-Multi-tissue_structure", *["I-Multi-tissue_structure"] * 2)
                )
            )
    return sentences


def write(path, sentences) -> None:
    blocks = (zip(sentence.tokens, sentence.tags) for sentence in sentences)
    text = "\n\n".join("\n".join(f"{token}\t{tag}" for token, tag in block) for block in blocks)
    path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write(folder / "train.tsv", tiny())
    write(folder / "devel.tsv", tiny(cells=CELLS[:1]))
    write(folder / "test.tsv", tiny(organs=ORGANS[:2]))
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    pytest.importorskip("spacy", reason="needs the extra ner")
    folder = tmp_path_factory.mktemp("models") / "sites"
    return folder, train_recogniser(corpus, folder, config=SMALL)


labels = st.sampled_from(["Organ", "Multi-tissue_structure", "Cell"])
token = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=6
)


@st.composite
def sentences(draw):
    tokens, tags = [], []
    for label in draw(st.lists(st.none() | labels, min_size=1, max_size=5)):
        words = draw(st.lists(token, min_size=1, max_size=3))
        tokens += words
        tags += ["O"] * len(words) if label is None else [f"B-{label}", *[f"I-{label}"] * (len(words) - 1)]
    return Sentence(tuple(tokens), tuple(tags))


@settings(max_examples=100, deadline=None)
@given(st.lists(sentences(), min_size=1, max_size=4))
def test_reads_what_was_written(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("iob") / "train.tsv"
    write(path, written)
    assert read_iob(path) == written


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "\t", "O", "B-Cell", "I-Cell", "I-", "-", "\n", "\n\n", " "]), max_size=12)
)
def test_anything_is_read_or_refused_in_one_line(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("iob") / "train.tsv"
    path.write_text("".join(pieces))
    lines = [line for line in "".join(pieces).splitlines() if line]
    try:
        found = read_iob(path)
    except SourceError as error:
        message = str(error)
    else:
        message = f"{path}"
        assert [[*pair] for s in found for pair in zip(s.tokens, s.tags)] == [x.split("\t") for x in lines]
    assert message.startswith(str(path))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Liver\n", "line 1: expected a token, a tab and a tag"),
        ("Liver\tB-Organ\tx\n", "line 1: expected a token"),
        ("in\tO\n\nthe\tO\n \tO\n", "line 4: expected a token"),
        ("Liver\tOrgan\n", "line 1: expected O, B-TYPE or I-TYPE, found 'Organ'"),
        ("Liver\tB-\n", "line 1: expected O, B-TYPE"),
        ("Liver\tB-Organ\nlobe\tI-Cell\n", "line 2: I-Cell continues an entity that did not begin"),
        ("Liver\tB-Organ\n\nlobe\tI-Organ\n", "line 3: I-Organ continues"),
        ("\n\n", "holds no sentence"),
    ],
)
def test_malformed_corpus_is_refused(tmp_path, text, message):
    (tmp_path / "train.tsv").write_text(text)
    with pytest.raises(SourceError) as caught:
        read_iob(tmp_path / "train.tsv")
    assert "train.tsv" in str(caught.value)
    assert message in str(caught.value)


def test_learns_the_tiny_corpus(trained):
    _, record = trained
    assert record["scores"]["test"]["all"]["f1"] > 0.9
    assert set(record["scores"]["test"]["types"]) == {"Cell", "Multi-tissue_structure", "Organ"}
    assert 0 < record["stopped"]["steps"] <= SMALL.steps


def test_folder_serves_as_recogniser(trained):
    folder, record = trained
    recogniser = load_recogniser(f"spacy:{folder}")
    assert recogniser.name == "spacy:en_ner_bionlp13cg"
    assert recogniser.recognise(["Detected in the kidney and in macrophages."]) == [{"kidney"}]
    import spacy

    assert spacy.load(folder).meta["training"] == record


def test_same_seed_gives_the_same_bytes(corpus, trained, tmp_path):
    folder, _ = trained
    code = (
        "from genoprot_datasets.ner import NerConfig, train_recogniser;"
        f"train_recogniser({str(corpus)!r}, {str(tmp_path / 'again')!r}, config={SMALL!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONHASHSEED": "12345"})
    written = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = tmp_path / "again"
    assert written == {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()}


def test_another_seed_gives_another_version(corpus, trained, tmp_path):
    train_recogniser(corpus, tmp_path / "other", seed=1, config=SMALL)
    versions = {load_recogniser(f"spacy:{folder}").version for folder in (trained[0], tmp_path / "other")}
    assert len(versions) == 2


def test_scores_are_those_of_whole_entities():
    """Two of four entities found exactly, one with another type, one cut short, one invented."""
    spacy = pytest.importorskip("spacy", reason="needs the extra ner")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(
        [
            {"label": "Organ", "pattern": "liver"},
            {"label": "Cell", "pattern": "neurons"},
            {"label": "Cell", "pattern": "skin"},
            {"label": "Tissue", "pattern": "tubules"},
            {"label": "Organ", "pattern": "assay"},
        ]
    )
    gold = Sentence(
        ("liver", "neurons", "skin", "renal", "tubules", "assay"),
        ("B-Organ", "B-Cell", "B-Organ", "B-Tissue", "I-Tissue", "O"),
    )
    scores = ner._score(pipeline, ner._examples(pipeline, [gold]))
    assert scores["all"] == pytest.approx({"precision": 2 / 5, "recall": 2 / 4, "f1": 4 / 9})
    assert scores["anatomical"] == pytest.approx({"precision": 1 / 3, "recall": 1 / 3, "f1": 1 / 3})
    assert scores["types"]["Cell"] == pytest.approx({"precision": 1 / 2, "recall": 1.0, "f1": 2 / 3})


def test_steps_are_an_upper_bound(corpus, tmp_path):
    pytest.importorskip("spacy", reason="needs the extra ner")
    record = train_recogniser(corpus, tmp_path / "one", config=NerConfig(width=16, depth=1, steps=1))
    assert record["stopped"] == {"steps": 1, "epochs": 1}


def test_missing_split_leaves_nothing(corpus, tmp_path):
    for split in ("train", "devel"):
        (tmp_path / f"{split}.tsv").write_bytes((corpus / f"{split}.tsv").read_bytes())
    with pytest.raises(SourceError, match=r"test\.tsv: not found"):
        train_recogniser(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"), [({"seed": -1}, "seed"), ({"config": NerConfig(steps=0)}, "steps")]
)
def test_arguments_out_of_range(corpus, tmp_path, options, message):
    with pytest.raises(GenoProtError, match=f"{message}: expected a number"):
        train_recogniser(corpus, tmp_path / "out", **options)


def test_corpus_without_entities_is_refused(corpus, tmp_path):
    write(tmp_path / "train.tsv", [Sentence(("Nothing", "."), ("O", "O"))])
    for split in ("devel", "test"):
        (tmp_path / f"{split}.tsv").write_bytes((corpus / f"{split}.tsv").read_bytes())
    with pytest.raises(SourceError, match=r"train\.tsv: annotates no entity"):
        train_recogniser(tmp_path, tmp_path / "out")


def test_official_corpus(shared):
    """The counts of the corpus, taken from the raw lines."""
    folder = shared / "data" / "human-slice" / "bionlp13cg"
    types = set()
    for split in ("train", "devel", "test"):
        found = read_iob(folder / f"{split}.tsv")
        lines = (folder / f"{split}.tsv").read_text().split("\n")
        assert sum(len(sentence.tokens) for sentence in found) == sum(bool(line) for line in lines)
        begun = [tag for sentence in found for tag in sentence.tags if tag.startswith("B-")]
        assert len(begun) == sum("\tB-" in line for line in lines)
        types |= {tag[2:] for tag in begun}
    assert len(types) == 16


@pytest.mark.slow
def test_few_steps_on_the_official_corpus(shared, tmp_path, capsys):
    pytest.importorskip("spacy", reason="needs the extra ner")
    folder = shared / "data" / "human-slice" / "bionlp13cg"
    parser = argparse.ArgumentParser()
    ner.add_arguments(parser)
    arguments = ["--corpus", str(folder), "--out", str(tmp_path / "ner"), "--steps", "150"]
    assert ner.run(parser.parse_args(arguments)) == 0
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith("all types"))
    assert float(row.split()[-1]) > 0.2
    assert len(re.findall(r" \d\.\d{4}$", printed, re.MULTILINE)) == 18
    assert load_recogniser(f"spacy:{tmp_path / 'ner'}").recognise([""]) == [frozenset()]
