from __future__ import annotations

import gzip

import numpy as np
import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.stringdb import read_aliases, read_links

HEADER = "protein1 protein2 combined_score\n"
LINKS = HEADER + "9606.B 9606.A 900\n9606.A 9606.B 900\n9606.A 9606.C 150\n9606.C 9606.A 150\n"

V11 = "## string_protein_id ## alias ## source ##\n"
V12 = "#string_protein_id\talias\tsource\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("string") / "9606.protein.txt"


def links_of(path, text, **options):
    path.write_text(text, encoding="utf-8")
    return read_links(path, **options)


def aliases_of(path, text):
    path.write_text(text, encoding="utf-8")
    return read_aliases(path)


def test_links_are_undirected(path):
    links = links_of(path, LINKS)
    assert links.ids == ("9606.A", "9606.B", "9606.C")
    assert links.pairs.tolist() == [[0, 1], [0, 2]]
    assert links.scores.tolist() == [900, 150]
    assert (links.pairs.dtype, links.scores.dtype) == (np.int32, np.int16)


def test_lowest_score_drops_pairs_and_keeps_proteins(path):
    links = links_of(path, LINKS, min_score=700)
    assert links.ids == ("9606.A", "9606.B", "9606.C")
    assert links.pairs.tolist() == [[0, 1]]
    assert links_of(path, LINKS, min_score=1000).pairs.shape == (0, 2)


def test_further_columns_are_passed_over(path):
    text = "protein1 protein2 fusion combined_score\n1.b 1.a 7 8\n"
    assert links_of(path, text).scores.tolist() == [8]


PROTEIN = st.sampled_from(["1.a", "1.B", "1.c", '1."', "1.é"])
ROW = st.tuples(PROTEIN, PROTEIN, st.integers(0, 1000))


@given(st.lists(ROW, min_size=1, max_size=12), st.integers(0, 1000), st.booleans())
def test_round_trip(path, rows, lowest, zipped):
    text = HEADER + "".join(f"{a} {b} {score}\n" for a, b, score in rows)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    links = read_links(path, lowest)
    expected: dict[tuple[str, str], int] = {}
    for a, b, score in rows:
        if a != b and score >= lowest:
            pair = (min(a, b), max(a, b))
            expected[pair] = max(score, expected.get(pair, 0))
    found = {
        (links.ids[i], links.ids[j]): s for (i, j), s in zip(links.pairs.tolist(), links.scores.tolist())
    }
    assert found == expected
    assert len(links.pairs) == len(expected)
    assert links.ids == tuple(sorted({name for a, b, _ in rows for name in (a, b)}))
    assert links.pairs.tolist() == sorted(links.pairs.tolist())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column protein1, protein2, combined_score"),
        (HEADER, "no interaction"),
        (
            LINKS.replace("combined_score", "score"),
            "no column combined_score; the header has 'protein1', 'protein2'",
        ),
        (LINKS + "9606.A 9606.D\n", "line 6: expected 3 fields, found 2"),
        (LINKS + "9606.A 9606.D 1 2\n", "line 6: expected 3 fields, found 4"),
        (
            LINKS + "9606.A 9606.D high\n9606.A 9606.D 1\n",
            "line 6: combined_score is 'high', expected 0 to 1000",
        ),
        (LINKS + "9606.A 9606.D 1001\n", "line 6: combined_score is '1001'"),
        (LINKS + "9606.A 9606.D -1\n", "line 6: combined_score is '-1'"),
        (LINKS + " 9606.D 1\n", "row without a STRING identifier"),
    ],
)
def test_refused_links(path, text, message):
    with pytest.raises(SourceError, match=message):
        links_of(path, text)


def test_truncated_gzip(path):
    packed = gzip.compress((HEADER + "".join(f"a{i} b{i * i} {i % 1000}\n" for i in range(9999))).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match="truncated gzip"):
        read_links(path)


@given(damaged(LINKS))
def test_damaged_links(path, text):
    links = unless_refused(lambda: links_of(path, text))
    if links is not None:
        assert (links.pairs[:, 0] < links.pairs[:, 1]).all()
        assert ((links.scores >= 0) & (links.scores <= 1000)).all()


def test_aliases_of_both_headers(path):
    rows = "9606.E1\tP04637\tBLAST_UniProt_AC Ensembl_UniProt_AC\n9606.E2\tA0A024R161\tEnsembl_UniProt_AC\n"
    assert aliases_of(path, V11 + rows) == {"9606.E1": {"P04637"}, "9606.E2": {"A0A024R161"}}
    rows = (
        "9606.E1\tP04637\tUniProt_AC\n9606.E1\tQ15086\tUniProt_AC\n9606.E1\tP53_HUMAN\tEnsembl_UniProt\n"
        "9606.E1\tTP53\tUniProt_GN_Name\n9606.E2\tP38398\tBLAST_UniProt_AC\n9606.E3\tP38398\tEnsembl_UniProt\n"
    )
    assert aliases_of(path, V12 + rows) == {"9606.E1": {"P04637", "Q15086"}, "9606.E3": {"P38398"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (V12, "no row with an accession from Ensembl_UniProt"),
        (V12 + "9606.E1\tP04637\tHGNC\n", "no row with an accession"),
        (V12 + "9606.E1\tP04637\n", "line 2: expected 3 fields, found 2"),
        (V12 + "\tP04637\tUniProt_AC\n", "line 2: row without a STRING identifier"),
    ],
)
def test_refused_aliases(path, text, message):
    with pytest.raises(SourceError, match=message):
        aliases_of(path, text)


@given(damaged(V12 + "9606.E1\tP04637\tUniProt_AC\n9606.E2\tP38398\tEnsembl_UniProt\n"))
def test_damaged_aliases(path, text):
    aliases = unless_refused(lambda: aliases_of(path, text))
    assert aliases is None or all(aliases.values())


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    links = read_links(folder / "9606.protein.links.v11.0.txt.gz")
    assert len(links.pairs) == 50_674
    assert links.scores.min() == 964
    aliases = read_aliases(folder / "9606.protein.aliases.v11.0.txt.gz")
    assert len(aliases) == 686
    assert aliases["9606.ENSP00000003084"] == {"P13569"}


def test_yeast(shared):
    folder = shared / "data" / "yeast"
    assert len(read_links(folder / "4932.protein.links.v11.0.txt.gz").pairs) == 5_000
    assert read_aliases(folder / "4932.protein.aliases.v11.0.txt.gz")["4932.Q0010"] == {"Q9ZZX9"}


def test_other_sources_of_aliases_only_when_asked_for(shared):
    path = shared / "data" / "ecoli" / "362663.protein.aliases.v11.0.txt.gz"
    with pytest.raises(SourceError, match="no row with an accession from Ensembl_UniProt"):
        read_aliases(path)
    assert len(read_aliases(path, {"identical_sequence_in_K12_MG1655"})) == 284
