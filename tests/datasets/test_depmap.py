from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.depmap import read_gene_effects

MODELS = """\
ModelID,CellLineName,OncotreeLineage,OncotreePrimaryDisease
ACH-1,"A375, adherent",Skin,Melanoma
ACH-2,SK,Skin,Melanoma
ACH-3,HeLa,Cervix,Cervical
ACH-4,UM,Eye,Melanoma
ACH-9,x,Skin,Melanoma
"""
EFFECTS = """\
ModelID,A1BG (1),BRAF (673),TP53 (7157),ODD (Unknown)
ACH-3,9,9,9,9
ACH-1,-0.25,-2,,1
ACH-4,9,9,9,9
ACH-2,0.75,,,1
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("depmap")
    return folder / "CRISPRGeneEffect.csv", folder / "Model.csv"


def read(paths, effects=EFFECTS, models=MODELS, **options):
    paths[0].write_text(effects, encoding="utf-8")
    paths[1].write_text(models, encoding="utf-8")
    return read_gene_effects(*paths, **options).means


def test_mean_over_the_lines_that_have_a_value(paths):
    assert read(paths) == {"1": 0.25, "673": -2.0}
    assert read(paths, lineage="Cervix", disease="Cervical") == {"1": 9.0, "673": 9.0, "7157": 9.0}


def test_subtype(paths):
    models = MODELS.replace("OncotreePrimaryDisease", "OncotreePrimaryDisease,OncotreeSubtype")
    models = models.replace("Melanoma", "Melanoma,Acral").replace("Cervical", "Cervical,Any")
    first = next(line for line in models.splitlines() if line.startswith("ACH-2"))
    models = models.replace(first, first.replace("Acral", "Uveal"))
    with pytest.raises(SourceError, match="no column OncotreeSubtype"):
        read(paths, subtype="Acral")
    assert read(paths, models=models, subtype="Acral") == {"1": -0.25, "673": -2.0}
    with pytest.raises(SourceError, match="OncotreePrimaryDisease Melanoma, OncotreeSubtype Mucosal"):
        read(paths, models=models, subtype="Mucosal")


def test_first_column_may_have_no_title(paths):
    assert read(paths, EFFECTS.replace("ModelID", "", 1)) == {"1": 0.25, "673": -2.0}


@pytest.mark.parametrize(
    ("effects", "models", "message"),
    [
        ("", MODELS, "no gene column"),
        (EFFECTS.replace("BRAF (673)", "BRAF"), MODELS, "line 1: column 'BRAF'; expected 'SYMBOL"),
        (EFFECTS.replace("(673)", "(1)"), MODELS, "line 1: gene 1 has two columns"),
        (EFFECTS.replace("-2", "minus 2"), MODELS, "line 3, record ACH-1: 'minus 2' is no number"),
        (EFFECTS.replace("-2", "inf"), MODELS, "line 3, record ACH-1: 'inf' is no number"),
        (EFFECTS + "ACH-2,1,1,1,1\n", MODELS, "line 6, record ACH-2: second row"),
        (EFFECTS + "ACH-9,1,1,1\n", MODELS, "line 6: expected 5 fields, found 4"),
        (EFFECTS, MODELS.replace("ModelID", "Model"), "line 1: no column ModelID"),
        (EFFECTS, MODELS.replace("Skin", "Hair"), "no model of OncotreeLineage Skin"),
        (EFFECTS.replace("ACH-1,", "ACH-7,"), MODELS, "line 3, record ACH-7: model that Model.csv does not"),
        (EFFECTS, MODELS + "ACH-1,y,Skin,Melanoma\n", "line 7, record ACH-1: second row of this model"),
        ("\n".join(EFFECTS.split("\n")[:2]) + "\n", MODELS, "no row of a model with Skin"),
    ],
)
def test_refused(paths, effects, models, message):
    with pytest.raises(SourceError, match=message):
        read(paths, effects, models)


@given(
    st.lists(st.lists(st.none() | st.floats(-4, 2), min_size=3, max_size=3), min_size=1, max_size=6),
    st.data(),
)
def test_means_agree_with_numpy(paths, values, data):
    skin = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)).filter(any))
    effects = ",A (1),B (2),C (3)\n" + "".join(
        f"M{i}," + ",".join("" if value is None else repr(value) for value in row) + "\n"
        for i, row in enumerate(values)
    )
    models = "ModelID,OncotreeLineage,OncotreePrimaryDisease\n" + "".join(
        f"M{i},{'Skin' if chosen else 'Lung'},Melanoma\n" for i, chosen in enumerate(skin)
    )
    matrix = np.array([row for row, chosen in zip(values, skin) if chosen], dtype=float)
    known = ~np.isnan(matrix).all(axis=0)
    expected = dict(zip(np.array(["1", "2", "3"])[known], np.nanmean(matrix[:, known], axis=0)))
    assert read(paths, effects, models) == pytest.approx(expected)


@given(damaged(EFFECTS), st.just(MODELS) | damaged(MODELS))
def test_damaged_files_parse_or_are_refused(paths, effects, models):
    means = unless_refused(lambda: read(paths, effects, models))
    assert means is None or np.isfinite(list(means.values())).all()


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    found = read_gene_effects(folder / "CRISPRGeneEffect.csv.gz", folder / "Model.csv")
    means = found.means
    assert len(means) == 1_669
    with open(folder / "Model.csv", newline="") as lines:
        skin = {
            row["ModelID"]
            for row in csv.DictReader(lines)
            if (row["OncotreeLineage"], row["OncotreePrimaryDisease"]) == ("Skin", "Melanoma")
        }
    assert len(skin) == 52
    with gzip.open(folder / "CRISPRGeneEffect.csv.gz", "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["ModelID"] in skin]
    assert found.lines == len(rows)
    braf = [float(row["BRAF (673)"]) for row in rows if row["BRAF (673)"]]
    assert means["673"] == pytest.approx(sum(braf) / len(braf))
    assert means["673"] < -0.5
