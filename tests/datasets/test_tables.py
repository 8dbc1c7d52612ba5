from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.tables import columns_of, iter_rows

FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n\x00"), max_size=8)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.txt"


@given(st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=5))
def test_plain_rows_round_trip(path, rows):
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    assert list(iter_rows(path, "\t")) == [(number, list(row)) for number, row in enumerate(rows, 1)]


@given(st.lists(st.tuples(FIELD, FIELD | st.just('a;"b"\nc')), max_size=5))
def test_quoted_rows_round_trip(path, rows):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    path.write_text(buffer.getvalue(), encoding="utf-8")
    assert [fields for _, fields in iter_rows(path, ";", quoted=True)] == [list(row) for row in rows]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("row", ["1;2", "1;2;3;4", "1"])
def test_width_is_checked_with_the_line(path, quoted, row):
    path.write_text(f"# note\na;b;c\n\n{row}\n")
    with pytest.raises(SourceError, match=rf"line 4: expected 3 fields, found {row.count(';') + 1}"):
        list(iter_rows(path, ";", comment="#", quoted=quoted))


def test_nothing_is_guessed(path):
    path.write_text('NA,#5,"x"\nnan,007, y\n')
    assert [fields for _, fields in iter_rows(path, ",")] == [["NA", "#5", '"x"'], ["nan", "007", " y"]]


def test_open_quote_is_an_error(path):
    path.write_text('a,b\n"1,2\n3,4\n')
    with pytest.raises(SourceError, match="not a CSV row"):
        list(iter_rows(path, ",", quoted=True))


def test_missing_column():
    with pytest.raises(SourceError, match=r"t.csv, line 1: no column c, d; the header has 'a', 'b'"):
        columns_of("t.csv", ["a", "b"], ["b", "c", "d"], line=1)
