from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import features
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


def plain_reading(text, kinds):
    """Rows one by one, without any shortcut."""
    lengths, found = {}, []
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.startswith("##FASTA"):
            break
        if line.startswith("##sequence-region"):
            _, name, _, length = line.split()
            lengths.setdefault(name, int(length))
        if line.startswith("#") or not line:
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            return found, f"line {number}: expected 9 fields"
        if fields[2] in kinds:
            first, last = fields[3], fields[4]
            if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last)):
                return found, f"line {number}: expected 1 <= start <= end"
            if int(last) > lengths.get(fields[0], 10**9):
                return found, f"line {number}: {fields[2]} ends at {int(last)}, beyond"
            if fields[6] not in ("+", "-"):
                return found, f"line {number}: strand of a {fields[2]}"
            if fields[7] not in ("0", "1", "2", "."):
                return found, f"line {number}: phase of a CDS"
            coordinates = int(first), int(last)
            found.append((number, fields[0], fields[2], *coordinates, fields[6], fields[7], fields[8]))
        lengths.setdefault(fields[0], 10**9)
    return found, ""


GOOD_FIELDS = {
    0: ["chr1", "chr2", "chr10", "s" * 70],
    2: ["CDS", "CDS", "CDS", "exon", "CD", "CDSX"],
    3: ["1", "7", "007"],
    4: ["9", "12", "123456789"],
    6: ["+", "-"],
    7: ["0", "1", "2", "."],
    8: ["ID=a", "ID=b;Note=é", ""],
}
ODD_FIELDS = {0: [""], 3: ["0", "", "x", "1" * 16], 4: ["", "1"], 6: [".", "++", ""], 7: ["3", "", "00"]}


@st.composite
def gff_lines(draw):
    odd = draw(st.integers(0, 7)) == 0
    row = []
    for field in range(9):
        values = GOOD_FIELDS.get(field, ["."])
        row.append(draw(st.sampled_from(values + (ODD_FIELDS.get(field, []) if odd else []))))
    other = ["", "#", "##", "# x\ty", "##sequence-region chr2 1 12", "###", "##FASTA", "\t" * 7]
    return draw(st.sampled_from(["\t".join(row)] * 12 + other))


@given(st.lists(gff_lines(), max_size=25), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 300))
def test_rows_are_those_of_a_plain_reading(tmp_path_factory, lines, end, block):
    path = tmp_path_factory.getbasetemp() / "rows.gff"
    text = end.join(lines)
    path.write_bytes(text.encode())
    expected, error = plain_reading(text, {"CDS"})
    found, message = [], ""
    with mock.patch.object(features, "_BLOCK_BYTES", block):
        try:
            for feature in iter_features(path, {"CDS"}, {}):
                found.append(tuple(feature))
        except SourceError as caught:
            message = str(caught)
    assert found == expected
    assert error in message
    assert bool(error) == bool(message)
