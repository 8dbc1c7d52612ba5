"""Anatomical sites in prose."""

from __future__ import annotations

import gzip
import re

import pytest

from genoprot_datasets.anatomy import SpacyRecogniser, VocabularyRecogniser, load_recogniser
from genoprot_datasets.errors import GenoProtError, SourceError


@pytest.fixture(scope="module")
def recogniser() -> VocabularyRecogniser:
    return VocabularyRecogniser()


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Detected in testes, ovaries and lymph nodes.", {"testis", "ovary", "lymph node"}),
        ("Hepatic and RENAL expression.", {"liver", "kidney"}),
        (
            "Pulmonary, gastric, splenic, cutaneous, ocular, osseous, uterine and cerebral tissue.",
            {"lung", "stomach", "spleen", "skin", "eye", "bone", "uterus", "cerebrum"},
        ),
        (
            "Oesophagus; fetal brain; mid-brain and bone-marrow",
            {"esophagus", "brain", "midbrain", "bone marrow"},
        ),
        ("Small intestine, large intestine and gut.", {"small intestine", "colon", "intestine"}),
        ("Cerebellar cortex, adrenal cortex, neocortex.", {"cerebellum", "adrenal gland", "cerebral cortex"}),
        ("Skeletal muscles and smooth muscle.", {"skeletal muscle", "smooth muscle"}),
        ("Liver-specific. Found in heart/lung.", {"liver", "heart", "lung"}),
        ("Non-neuronal tissues, deliverance, earlier, brainy.", set()),
        ("Plasma, urine, T-cells and fibroblasts.", set()),
        ("", set()),
    ],
)
def test_forms(recogniser, text, sites):
    assert recogniser.recognise([text]) == [sites]


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Highly expressed in heart. Not expressed in the liver.", {"heart"}),
        ("Found in lung, but not in kidney, spleen or brain. Weak in colon.", {"lung", "colon"}),
        ("Not detected in brain (PubMed:123), liver and spleen but present in thymus.", {"thymus"}),
        (
            "Expressed in all tissues except liver, colon and breast, with highest levels in testis.",
            {"testis"},
        ),
        ("No expression in skin; low in tongue.", {"tongue"}),
        (
            "Undetectable in blood cells and pancreas. Absent from bone, whereas cartilage is positive.",
            {"cartilage"},
        ),
        ("Not only in kidney but also in ureter.", {"kidney", "ureter"}),
        ("Expression is not restricted to the retina.", {"retina"}),
        ("Expressed in cerebellum (but not in pons) and striatum.", {"cerebellum", "striatum"}),
        ("Expressed neither in heart nor in lung.", set()),
        ("Barely detectable in placenta.", {"placenta"}),
        ("Expressed in most tissues but not liver or heart.", set()),
        ("Ubiquitous, with the notable exceptions of ovary and testis. Low in skin.", {"skin"}),
        ("Detected in all tissues examined apart from brain and pancreas.", set()),
        ("Found in all tissues aside from heart, but most abundant in lung.", {"lung"}),
        ("Restricted to the liver; no detectable levels in other tissues such as kidney.", {"liver"}),
        ("Non-detectable in liver, undetected in lung. Never detected in muscle.", set()),
        ("Fails to be detected in lung; found in hepatic tissue.", {"liver"}),
        ("Without expression in the lens. The cornea is devoid of transcripts in the retina.", {"cornea"}),
        ("Present at high levels in liver, negative in brain and heart.", {"liver"}),
        ("Strong in spleen, weak in thymus and none in colon.", {"spleen", "thymus"}),
        (
            "Strong in pancreas and weak in stomach, but was not detected in kidney (PubMed:1234567).",
            {"pancreas", "stomach"},
        ),
        (
            "Not detected in normal adult liver, but highly expressed in fetal liver and renal tubules.",
            {"liver", "kidney"},
        ),
        (
            "Isoform 1 is expressed in brain. Isoform 2 is not detected in brain but in liver.",
            {"brain", "liver"},
        ),
    ],
)
def test_negated_clauses(recogniser, text, sites):
    assert recogniser.recognise([text]) == [sites]


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Overexpressed in prostate carcinoma.", set()),
        ("Found in skin. Also in breast, colon and lung carcinomas.", {"skin"}),
        ("Expressed in brain, liver and breast cancer.", {"brain", "liver"}),
        ("Found in cancers of the colon, rectum and ovary. Expressed in uterus.", {"uterus"}),
        ("Abundant in adenocarcinoma (lung, pancreas) and thymus.", {"thymus"}),
        ("Detected in a breast epithelial cell line and intestinal cell lines.", set()),
        ("Bone marrow-derived dendritic cells of the spleen.", {"spleen"}),
        ("Weak in glioma cell lines compared to normal brain tissues.", {"brain"}),
    ],
)
def test_tumours_and_cell_lines(recogniser, text, sites):
    assert recogniser.recognise([text]) == [sites]


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Found in small and large intestine.", {"small intestine", "colon"}),
        ("In the small-, or large intestine", {"small intestine", "colon"}),
        ("Salivary, sweat, and mammary glands.", {"salivary gland", "sweat gland", "breast"}),
        ("Visceral, skeletal and smooth muscle.", {"smooth muscle", "skeletal muscle"}),
        ("Large and small intestine of the fetus", {"small intestine", "colon"}),
        ("Present in brain and renal cortex.", {"brain", "kidney"}),
        ("Large, well-fed cells and small intestine", {"small intestine"}),
        ("Not in small and large intestine.", set()),
        ("Small and large intestine carcinomas.", set()),
        ("and large intestine", {"colon"}),
    ],
)
def test_lists_with_one_noun(recogniser, text, sites):
    assert recogniser.recognise([text]) == [sites]


def test_recognition_is_per_text_and_independent_of_order(recogniser):
    texts = ["Brain.", "Liver and brain.", "Nowhere."]
    assert recogniser.recognise(texts[::-1]) == recogniser.recognise(texts)[::-1]
    assert recogniser.recognise([]) == []


def test_every_form_of_the_vocabulary_is_found_alone(recogniser):
    for form, site in recogniser._sites.items():
        assert recogniser.recognise([f"Detected in {form}."]) == [{site}], form


def test_vocabulary_is_tidy(recogniser):
    from importlib import resources

    lines = resources.files("genoprot_datasets").joinpath("anatomy_terms.tsv").read_text().splitlines()
    sites = [line.split("\t")[0] for line in lines[1:]]
    assert lines[0] == "site\tforms"
    assert sites == sorted(set(sites), key=str.lower)
    assert len(sites) >= 200


def test_form_of_two_sites_is_refused(tmp_path):
    table = tmp_path / "terms.tsv"
    table.write_text("site\tforms\nheart\tcardiac\nstomach\tgastric|Cardiac\n")
    with pytest.raises(SourceError, match=r"terms.tsv, line 3: 'Cardiac' stands for 'heart' and 'stomach'"):
        VocabularyRecogniser(table)


def test_line_without_forms_is_refused(tmp_path):
    table = tmp_path / "terms.tsv"
    table.write_text("site\tforms\nheart\n")
    with pytest.raises(SourceError, match="line 2"):
        VocabularyRecogniser(table)


def test_own_vocabulary_changes_the_version(tmp_path, recogniser):
    table = tmp_path / "terms.tsv"
    table.write_text("site\tforms\nflavedo\tflavedos\n")
    own = VocabularyRecogniser(table)
    assert own.recognise(["In the flavedo, not the heart."]) == [{"flavedo"}]
    assert own.version != recogniser.version


def test_unknown_recogniser():
    with pytest.raises(GenoProtError, match="expected auto, vocabulary or spacy:NAME"):
        load_recogniser("regex")


def test_missing_pipeline_is_one_clear_line(tmp_path):
    with pytest.raises(GenoProtError, match="not installed") as caught:
        load_recogniser(f"spacy:{tmp_path / 'none'}")
    assert "\n" not in str(caught.value)


def test_spacy_pipeline(tmp_path):
    spacy = pytest.importorskip("spacy", reason="needs the extra ner")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    labels = {"livers": "ORGAN", "flavedo": "Multi-tissue_structure", "neurons": "CELL", "renal": "TISSUE"}
    ruler.add_patterns([{"label": label, "pattern": word} for word, label in labels.items()])
    pipeline.meta["name"] = "sites"
    pipeline.to_disk(tmp_path / "pipeline")
    recogniser = load_recogniser(f"spacy:{tmp_path / 'pipeline'}")
    assert isinstance(recogniser, SpacyRecogniser)
    version = f"{pipeline.meta['version']}+{VocabularyRecogniser().version}"
    assert (recogniser.name, recogniser.version) == ("spacy:en_sites", version)
    texts = ["Found in livers, flavedo and neurons, but not in renal tissue.", "renal", ""]
    assert recogniser.recognise(texts) == [{"liver", "flavedo"}, {"kidney"}, set()]


def test_composed_entries_of_the_slice(shared, recogniser):
    """Every name of the sentences "Detected in A, B and C." is found, and distinct names stay distinct."""
    path = shared / "data" / "human-slice" / "uniprot_sprot_human.dat.gz"
    entries = gzip.decompress(path.read_bytes()).decode().replace("\nCC       ", " ")
    texts = re.findall(r"-!- TISSUE SPECIFICITY: (Detected in [^.{]*)\.\n", entries)
    assert len(texts) > 200
    site_of: dict[str, frozenset[str]] = {}
    for text in texts:
        for name in re.split(r", | and ", text.removeprefix("Detected in ")):
            site_of[name] = recogniser.recognise([name])[0]
            assert len(site_of[name]) == 1, name
            assert site_of[name] <= recogniser.recognise([text])[0]
    assert len(set(site_of.values())) == len(site_of)
