from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import features
from genoprot_datasets.sources.attributes import attributes_of, parse_attributes
from genoprot_datasets.sources.features import Region, iter_features
from genoprot_datasets.sources.rows import Wanted

ROW = "chr1\tRefSeq\tCDS\t1\t9\t.\t+\t0\tID=c1;Parent=t1;Note=a%3Bb%2Cc,d"
CODING = Wanted(("CDS",), ("ID", "Note"))
GENES = Wanted(("gene", "primary_transcript"), ("Name", "ID", "tag"))


def flat(found):
    """Rows one by one: line, sequence, type, start, end, strand, phase and attributes."""
    for rows in found:
        attributes = list(zip(*rows.attributes))
        for k, line in enumerate(rows.lines):
            place = rows.seqid, rows.kinds[k]
            if rows.wanted.is_coding:
                for (start, end), phase in zip(rows.parts[k], rows.phases[k]):
                    yield line, *place, start, end, rows.strands[k], phase, attributes[k]
            else:
                yield line, *place, rows.starts[k], rows.ends[k], rows.strands[k], "", attributes[k]


def read(path, text, wanted=(CODING,)):
    path.write_text(text)
    regions: dict[str, Region] = {}
    return list(flat(iter_features(path, wanted, regions))), regions


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.gff"


def test_wanted_rows_and_every_sequence(path):
    text = (
        "##gff-version 3\n##sequence-region chr1 1 100\n"
        f"{ROW}\nchr2\tx\texon\tbad\tbad\t.\t.\t.\tID\n\n###\n##FASTA\n>chr1\nACGT\n"
    )
    rows, regions = read(path, text)
    assert rows == [(3, "chr1", "CDS", 1, 9, "+", "0", ("c1", "a;b,c,d"))]
    assert regions == {"chr1": Region("chr1", 100), "chr2": Region("chr2")}


def test_first_region_of_a_sequence_describes_it(path):
    text = (
        "chr1\tR\tregion\t1\t50\t.\t+\t.\tID=a;Dbxref=taxon:9606;Name=7;chromosome=7;genome=chromosome\n"
        "chr1\tR\tregion\t10\t20\t.\t+\t.\tID=b;Name=centromere\n"
        "chrM\tR\tregion\t1\t60\t.\t+\t.\tID=c;Is_circular=true;genome=mitochondrion\n"
        "chrM\tR\tCDS\t55\t66\t.\t+\t0\tID=d\n"
    )
    rows, regions = read(path, text)
    assert regions["chr1"] == Region("chr1", 50, "7", "chromosome", False, "9606")
    assert regions["chrM"].chromosome == "MT"
    assert rows[0][4] == 66, "a circular sequence may be run over"


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
    with pytest.raises(SourceError, match="line 2: attribute 'ID' has no '='"):
        read(path, ROW + "\n" + ROW.replace("ID=c1", "ID") + "\n")


def test_rows_of_a_coding_region_are_one(path):
    other = ROW.replace("\t1\t9\t", "\t20\t29\t").replace("\t0\t", "\t2\t")
    exon = ROW.replace("CDS", "exon")
    third = other.replace("ID=c1", "ID=c2")
    path.write_text("".join(line + "\n" for line in [exon, ROW, exon, other, third]))
    (rows,) = iter_features(path, [CODING], {})
    assert (rows.lines, rows.starts, rows.ends, rows.seqid) == ([2, 5], [1, 20], [9, 29], "chr1")
    assert (rows.parts, rows.phases) == ([((1, 9), (20, 29)), ((20, 29),)], ["02", "2"])


def test_coding_rows_without_a_name_that_are_the_same_have_the_line_of_the_first(path):
    nameless = "chr1\tR\tCDS\t1\t9\t.\t+\t0\tParent=t1"
    rows, _ = read(path, "\n".join([nameless, nameless, ROW, nameless, nameless.replace("+", "-")]))
    assert [row[0] for row in rows] == [1, 1, 3, 4, 5]


def plain_reading(path, text, wanted):
    """Rows one by one, without any shortcut."""
    names = {kind: group for group in wanted for kind in group.kinds}
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
        kind = fields[2]
        if kind in names:
            first, last = fields[3], fields[4]
            are_numbers = all(text.isascii() and text.isdigit() for text in (first, last))
            if not (are_numbers and 1 <= int(first) <= int(last)):
                return found, f"line {number}: expected 1 <= start <= end"
            if int(last) > lengths.get(fields[0], 10**9):
                return found, f"line {number}: {kind} ends at {int(last)}, beyond"
            if fields[6] not in (("+", "-") if kind == "CDS" else ("+", "-", ".", "?")):
                return found, f"line {number}: strand of a {kind}"
            if kind == "CDS" and fields[7] not in ("0", "1", "2", "."):
                return found, f"line {number}: phase of a CDS"
            try:
                attributes = attributes_of(parse_attributes(path, number, fields[8]), names[kind].names)
            except SourceError as error:
                return found, str(error)
            phase = fields[7] if kind == "CDS" else ""
            found.append((fields[0], kind, int(first), int(last), fields[6], phase, attributes))
        lengths.setdefault(fields[0], 10**9)
    return found, ""


GOOD_FIELDS = {
    0: ["chr1", "chr2", "chr10", "s" * 70],
    2: ["CDS", "CDS", "CDS", "gene", "primary_transcript", "exon", "CD", "CDSX", "primary_transcripts"],
    3: ["1", "7", "007"],
    4: ["9", "12", "123456789"],
    6: ["+", "-"],
    7: ["0", "1", "2", "."],
    8: ["ID=a", "ID=a", "ID=b;Note=é", "Name=x;ID=c;tag=p%2Cq,r", "ID=d;Note=x%3By;ID=e=f", "IDs=1;ID=g;"],
}
ODD_FIELDS = {
    0: [""],
    3: ["0", "", "x", "1" * 16, "1\x00", "\u0663"],
    4: ["", "1"],
    6: [".", "++", "", "?"],
    7: ["3", "", "00"],
    8: ["", ".", "Note=x", "ID=", " ID = a ; Note = b ", "ID=a; Note=b", "ID=a;Note", ";;ID=a", "ID=\x1fa"],
}


@st.composite
def gff_lines(draw):
    odd = draw(st.integers(0, 7)) == 0
    row = []
    for field in range(9):
        values = GOOD_FIELDS.get(field, ["."])
        row.append(draw(st.sampled_from(values + (ODD_FIELDS.get(field, []) if odd else []))))
    other = ["", "#", "##", "# x\ty", "##sequence-region chr2 1 12", "###", "##FASTA", "\t" * 7, "\x01"]
    return draw(st.sampled_from(["\t".join(row)] * 14 + other))


@given(
    st.lists(gff_lines(), max_size=25),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 300),
    st.booleans(),
)
def test_rows_are_those_of_a_plain_reading(tmp_path_factory, lines, end, block, ends):
    path = tmp_path_factory.getbasetemp() / "rows.gff"
    text = end.join(lines) + (end if ends else "")
    path.write_bytes(text.encode())
    expected, error = plain_reading(path, text, (CODING, GENES))
    found, message = [], ""
    with mock.patch.object(features, "_BLOCK_BYTES", block):
        try:
            for rows in iter_features(path, (CODING, GENES), {}):
                found += [(rows.wanted, row[1:]) for row in flat([rows])]
        except SourceError as caught:
            message = str(caught)
    for wanted in (CODING, GENES):
        assert [row for own, row in found if own is wanted] == [
            row for row in expected if row[1] in wanted.kinds
        ]
    assert error in message
    assert bool(error) == bool(message)
