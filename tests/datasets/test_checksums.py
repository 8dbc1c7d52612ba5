"""Publishers' lists of checksums."""

from __future__ import annotations

import hashlib
import string

import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.checksums import Checksum, read_checksums

NCBI = """\
0cc175b9c0f1b6a831c399e269772661  ./GCF_1_genomic.fna.gz
92eb5ffee6ae2fec3ad71c777531578f  ./sub/b.txt
"""
METALINK = """\
<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
  <version>2026_02</version>
  <files>
    <file name="HUMAN_9606_idmapping.dat.gz">
      <size>1</size>
      <verification><hash type="md5">0CC175B9C0F1B6A831C399E269772661</hash></verification>
      <resources><url type="ftp">ftp://ftp.uniprot.org/a</url></resources>
    </file>
  </files>
</metalink>
"""
FOUR = """\
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="a"><hash type="sha-256">ff</hash></file>
</metalink>
"""


def test_lines():
    found = read_checksums(NCBI, "list").files
    assert found["GCF_1_genomic.fna.gz"] == Checksum("md5", "0cc175b9c0f1b6a831c399e269772661")
    assert set(found) == {"GCF_1_genomic.fna.gz", "b.txt"}
    digest = hashlib.sha256(b"").hexdigest()
    assert read_checksums(f"{digest} *a.txt", "list").files == {"a.txt": Checksum("sha256", digest)}


def test_metalinks():
    found = read_checksums(METALINK, "list")
    assert found.release == "2026_02"
    assert found.files == {"HUMAN_9606_idmapping.dat.gz": Checksum("md5", "0cc175b9c0f1b6a831c399e269772661")}
    assert read_checksums(FOUR, "list").files == {"a": Checksum("sha256", "ff")}


@pytest.mark.parametrize("text", ["page not found", "0cc175b9 a.txt", "<html>", "<a/>", "z" * 32 + "  a.txt"])
def test_other_texts(text):
    with pytest.raises(SourceError, match="^list"):
        read_checksums(text, "list")


def test_checksum_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    assert Checksum("md5", "").of(tmp_path / "a").digest == "0cc175b9c0f1b6a831c399e269772661"


@given(damaged(NCBI) | damaged(METALINK) | st.text(string.printable))
def test_damaged_lists_are_read_or_refused(text):
    found = unless_refused(lambda: read_checksums(text, "list"))
    assert found is None or all(checksum.digest for checksum in found.files.values())
