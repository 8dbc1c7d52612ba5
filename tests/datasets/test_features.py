from __future__ import annotations

import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.features import Region, attribute, iter_features, parse_attributes, values

ROW = "chr1\tRefSeq\tCDS\t1\t9\t.\t+\t0\tID=c1;Parent=t1;Note=a%3Bb%2Cc,d"


def read(path, text, kinds=("CDS",)):
    path.write_text(text)
    regions: dict[str, Region] = {}
    return list(iter_features(path, kinds, regions)), regions


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.gff"


def test_wanted_rows_and_every_sequence(path):
    text = (
        "##gff-version 3\n##sequence-region chr1 1 100\n"
        f"{ROW}\nchr2\tx\texon\tbad\tbad\t.\t.\t.\tID\n\n###\n##FASTA\n>chr1\nACGT\n"
    )
    features, regions = read(path, text)
    assert [(f.line, f.seqid, f.start, f.end, f.phase) for f in features] == [(3, "chr1", 1, 9, "0")]
    assert regions == {"chr1": Region("chr1", 100), "chr2": Region("chr2")}


def test_attributes_are_decoded_after_they_are_split(path):
    (feature,), _ = read(path, ROW + "\n")
    attributes = parse_attributes(path, feature)
    assert attribute(attributes, "Note") == "a;b,c,d"
    assert values(attributes, "Note") == ["a;b,c", "d"]
    assert attribute(attributes, "absent") == ""
    assert values(attributes, "absent") == []


def test_first_region_of_a_sequence_describes_it(path):
    text = (
        "chr1\tR\tregion\t1\t50\t.\t+\t.\tID=a;Dbxref=taxon:9606;Name=7;chromosome=7;genome=chromosome\n"
        "chr1\tR\tregion\t10\t20\t.\t+\t.\tID=b;Name=centromere\n"
        "chrM\tR\tregion\t1\t60\t.\t+\t.\tID=c;Is_circular=true;genome=mitochondrion\n"
        "chrM\tR\tCDS\t55\t66\t.\t+\t0\tID=d\n"
    )
    features, regions = read(path, text)
    assert regions["chr1"] == Region("chr1", 50, "7", "chromosome", False, "9606")
    assert regions["chrM"].chromosome == "MT"
    assert features[0].end == 66, "a circular sequence may be run over"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t0\t", "\t", "line 1: expected 9 fields separated by tabs, found 8"),
        ("\t1\t9\t", "\t9\t1\t", "expected 1 <= start <= end, found '9' and '1'"),
        ("\t1\t9\t", "\t0\t9\t", "expected 1 <= start <= end"),
        ("\t1\t9\t", "\t1\t9.5\t", "expected 1 <= start <= end"),
        ("\t1\t9\t", "\t-1\t9\t", "expected 1 <= start <= end"),
        ("\t+\t", "\t.\t", "strand of a CDS"),
        ("\t0\t", "\t3\t", "phase of a CDS"),
    ],
)
def test_refused(path, old, new, message):
    with pytest.raises(SourceError, match=message):
        read(path, ROW.replace(old, new) + "\n")


def test_row_beyond_its_sequence(path):
    with pytest.raises(SourceError, match="line 2: CDS ends at 9, beyond the 8 bases of chr1"):
        read(path, f"##sequence-region chr1 1 8\n{ROW}\n")


def test_attribute_without_a_value(path):
    (feature,), _ = read(path, ROW.replace("ID=c1", "ID") + "\n")
    with pytest.raises(SourceError, match="line 1: attribute 'ID' has no '='"):
        parse_attributes(path, feature)
