from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text import open_binary, open_text


def lines_of(path):
    with open_text(path) as lines:
        return list(lines)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("text") / "source"


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda b: gzip.compress(b[:3]) + gzip.compress(b[3:])]
)
def test_gzip_is_told_by_its_bytes_not_by_its_name(path, pack):
    path.write_bytes(pack("α\nb\r\nc".encode()))
    assert lines_of(path) == ["α\n", "b\n", "c"]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_empty(path, content):
    path.write_bytes(content)
    assert lines_of(path) == []


def test_missing_and_folder(tmp_path):
    with pytest.raises(SourceError, match="nothing.gz: not found"):
        lines_of(tmp_path / "nothing.gz")
    with pytest.raises(SourceError, match="is a folder"):
        lines_of(tmp_path)


def test_truncated_gzip_in_the_middle_of_the_text(path):
    packed = gzip.compress("".join(f"{i * i}\n" for i in range(300_000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    read = []
    with pytest.raises(SourceError, match=r"source: truncated gzip") as caught, open_text(path) as lines:
        read.extend(lines)
    assert len(read) > 1000
    assert "\n" not in str(caught.value)


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_any_truncated_gzip_is_an_error(path, content, data):
    packed = gzip.compress(content)
    path.write_bytes(packed[: data.draw(st.integers(2, len(packed) - 1))])
    with pytest.raises(SourceError), open_binary(path) as reader:
        reader.read()


def test_damaged_gzip(path):
    packed = bytearray(gzip.compress(b"ACGT" * 1000))
    packed[-6] ^= 0xFF
    path.write_bytes(bytes(packed))
    with pytest.raises(SourceError, match="damaged gzip"):
        lines_of(path)
    path.write_bytes(b"\x1f\x8b" + zlib.compress(b"not a gzip header"))
    with pytest.raises(SourceError, match="damaged gzip"):
        lines_of(path)


def test_text_that_is_not_utf8(path):
    path.write_bytes(b"fine\n\xff\xfe\n")
    with pytest.raises(SourceError, match="not UTF-8"):
        lines_of(path)


def test_errors_of_the_reader_of_the_lines_pass_through(path):
    path.write_bytes(b"a\n")
    with pytest.raises(OSError, match="disk full"), open_text(path):
        raise OSError("disk full")
