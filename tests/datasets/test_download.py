"""Downloading the sources of a folder: verification, the lock, and what is told to people."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from faulty_server import Resource, serving

from genoprot_datasets.download import add_arguments, download, run
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.sources import SPECIES, SourceSpec, sources_of
from genoprot_datasets.transfer import Patience

QUICK = Patience(attempts=3, first_wait_seconds=0.01, longest_wait_seconds=0.02, stall_seconds=0.3)
BODY = b"accession\tpathway\n" * 20_000
OTHER = b"accession\tPATHWAY\n" * 20_000


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def out(tmp_path):
    return tmp_path / "sources"


def source(url, key="pathways", **more):
    name = more.pop("pattern", url.rpartition("/")[2].removesuffix(".gz"))
    return SourceSpec(key, key, (name,), "1", "CC0 1.0", url, "nobody", (), **more)


def obtain(specs, out, **more):
    return download(specs if isinstance(specs, list) else [specs], out, patience=QUICK, **more)


def lock_of(out):
    rows = json.loads((out / "sources.lock").read_text())["files"]
    return {row["file"]: row for row in rows}


def names(out):
    return sorted(path.name for path in out.iterdir())


def md5(body):
    return hashlib.md5(body).hexdigest()


def test_first_download_is_locked(server, out):
    resource = Resource(BODY)
    url = server.add("a.txt", resource)
    report = obtain(source(url), out)
    assert not report.failed
    assert (out / "a.txt").read_bytes() == BODY
    assert names(out) == ["a.txt", "sources.lock"]
    assert lock_of(out)["a.txt"] == {
        "file": "a.txt",
        "url": url,
        "sha256": sha256_of(out / "a.txt"),
        "bytes": len(BODY),
        "etag": resource.etag,
        "last_modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "version": None,
        "published_checksum": None,
    }


def test_what_is_there_is_checked_and_not_fetched_again(server, out):
    spec = source(server.add("a.txt", Resource(BODY)))
    obtain(spec, out)
    before = (out / "sources.lock").read_bytes()
    assert "was here already" in obtain(spec, out).finished["pathways"]
    assert server.requests["/a.txt"] == 1
    assert (out / "sources.lock").read_bytes() == before
    (out / "a.txt").write_bytes(OTHER)
    report = obtain(spec, out)
    assert "is not the file of sources.lock" in report.failed["pathways"]
    assert "\n" not in report.failed["pathways"]
    assert (out / "a.txt").read_bytes() == OTHER


def test_file_put_there_by_hand_is_recorded(server, out):
    out.mkdir()
    (out / "a.txt").write_bytes(BODY)
    spec = source(server.add("a.txt", Resource(OTHER)))
    assert "recorded" in obtain(spec, out).finished["pathways"]
    assert server.requests["/a.txt"] == 0
    assert lock_of(out)["a.txt"]["sha256"] == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("other", [OTHER, OTHER + b"more"], ids=["same length", "other length"])
def test_another_version_than_the_locked_one_needs_update(server, out, other):
    resource = Resource(BODY)
    spec = source(server.add("a.txt", resource))
    obtain(spec, out)
    (out / "a.txt").unlink()
    resource.body = other
    report = obtain(spec, out)
    (line,) = report.failed.values()
    assert spec.url in line
    assert line.startswith("a.txt: ")
    assert "accept it with --update" in line
    assert names(out) == ["sources.lock"]
    assert lock_of(out)["a.txt"]["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert not obtain(spec, out, update=True).failed
    assert (out / "a.txt").read_bytes() == other
    assert lock_of(out)["a.txt"]["sha256"] == hashlib.sha256(other).hexdigest()


def test_update_asks_whether_there_is_a_newer_version(server, out):
    resource = Resource(BODY)
    spec = source(server.add("a.txt", resource))
    obtain(spec, out)
    assert obtain(spec, out, update=True).finished["pathways"].endswith("the server has no newer version")
    resource.body = OTHER
    assert "verified" in obtain(spec, out, update=True).finished["pathways"]
    assert (out / "a.txt").read_bytes() == OTHER


def test_published_checksums(server, out):
    lines = f"{md5(BODY)}  ./a.txt\n{md5(OTHER)}  ./b.txt\n"
    metalink = (
        '<?xml version="1.0"?><metalink version="3.0" xmlns="http://www.metalinker.org/">'
        '<version>2026_02</version><files><file name="c.txt"><size>1</size><verification>'
        f'<hash type="md5">{md5(BODY)}</hash></verification></file></files></metalink>'
    )
    listed = server.add("md5checksums.txt", Resource(lines.encode()))
    linked = server.add("RELEASE.metalink", Resource(metalink.encode()))
    specs = [
        source(server.add("a.txt", Resource(BODY)), "a", checksums=listed),
        source(server.add("b.txt", Resource(OTHER)), "b", checksums=listed),
        source(server.add("c.txt", Resource(BODY)), "c", checksums=linked),
    ]
    assert not obtain(specs, out).failed
    assert server.requests["/md5checksums.txt"] == 1
    locked = lock_of(out)
    assert locked["a.txt"]["published_checksum"] == f"md5 {md5(BODY)}"
    assert locked["c.txt"]["published_checksum"] == f"md5 {md5(BODY)}"
    assert locked["c.txt"]["version"] == "2026_02"


def test_wrong_bytes_are_tried_once_more_and_then_refused(server, out):
    listed = server.add("sums", Resource(f"{md5(BODY)}  a.txt\n".encode()))
    resource = Resource(OTHER)
    spec = source(server.add("a.txt", resource), checksums=listed)
    report = obtain(spec, out)
    (line,) = report.failed.values()
    assert line.startswith(f"a.txt: {spec.url}: ")
    assert f"md5 {md5(OTHER)}, the publisher states md5 {md5(BODY)}" in line
    assert server.requests["/a.txt"] == 2
    assert names(out) == []
    resource.on_request = lambda number: setattr(resource, "body", OTHER if number == 3 else BODY)
    assert not obtain(spec, out).failed
    assert (out / "a.txt").read_bytes() == BODY


def test_list_of_checksums_that_is_gone_or_in_disorder(server, out):
    gone = source(server.add("a.txt", Resource(BODY)), checksums=server.add("x", Resource(b"")) + "none")
    assert "length only, now locked" in obtain(gone, out).finished["pathways"]
    page = server.add("page", Resource(b"<html><body>not found<br></body></html>"))
    odd = source(server.add("b.txt", Resource(BODY)), checksums=page)
    assert "neither a list of checksums nor a metalink" in obtain(odd, out).failed["pathways"]


def test_gzip_without_a_checksum_must_be_whole(server, out):
    whole = gzip.compress(BODY)
    resource = Resource(whole[:-20])
    spec = source(server.add("a.txt.gz", resource))
    assert "truncated gzip" in obtain(spec, out).failed["pathways"]
    resource.body = b"<html>sign in to this network</html>"
    assert "expected a gzip" in obtain(spec, out).failed["pathways"]
    assert names(out) == []
    resource.body = whole
    assert not obtain(spec, out).failed


def test_version_that_the_file_names(server, out):
    body = b"format-version: 1.2\ndata-version: releases/2026-06-01\n\n[Term]\n"
    obtain(source(server.add("a.obo", Resource(body)), version_tag="data-version:"), out)
    assert lock_of(out)["a.obo"]["version"] == "releases/2026-06-01"


def test_one_failure_does_not_keep_the_others(server, out):
    specs = [source(server.add(f"{name}.txt", Resource(BODY)), name) for name in "abc"]
    specs.insert(1, source(server.add("a.txt", Resource(BODY)).replace("a.txt", "none.txt"), "none"))
    specs.append(source(server.add("d.txt", Resource(BODY, stall_after=[10, 0, 0, 0])), "d"))
    report = obtain(specs, out)
    assert set(report.finished) == {"a", "b", "c"}
    assert "HTTP status 404" in report.failed["none"]
    assert "nothing came for 0.3 s" in report.failed["d"]
    assert set(lock_of(out)) == {"a.txt", "b.txt", "c.txt"}
    assert "d.txt.part" in names(out)


def test_jobs_run_at_once_but_no_more_than_asked_for(server, out):
    def linger(number):
        time.sleep(0.1)

    specs = [source(server.add(f"{n}.txt", Resource(BODY, on_request=linger)), str(n)) for n in range(8)]
    assert len(obtain(specs, out, jobs=3).finished) == 8
    assert server.most_running == 3
    with pytest.raises(GenoProtError, match="jobs"):
        obtain(specs, out, jobs=0)


def test_another_file_of_the_same_source(server, out):
    out.mkdir()
    (out / "links.v11.txt.gz").touch()
    spec = source(server.add("links.v12.txt", Resource(BODY)), pattern="links.v*.txt")
    assert "links.v11.txt.gz stands for the same source" in obtain(spec, out).failed["pathways"]


def test_damaged_lock_is_refused(server, out):
    out.mkdir()
    spec = source(server.add("a.txt", Resource(BODY)))
    for text in (
        "{",
        "[]",
        '{"schema_version": 9, "files": []}',
        '{"schema_version": 1, "files": [{"file": "a"}]}',
    ):
        (out / "sources.lock").write_text(text)
        with pytest.raises(GenoProtError, match=r"sources\.lock: "):
            obtain(spec, out)


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_download_continues(server, out, kill):
    resource = Resource(BODY, stall_after=[200_000])
    spec = source(server.add("a.txt", resource))
    # A shell starts what it sends to the background with SIGINT ignored.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from genoprot_datasets.download import download; "
        "from genoprot_datasets.sources import SourceSpec; "
        f"download([SourceSpec('a', 'a', ('a.txt',), '', '', {spec.url!r}, '', ())], {str(out)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not ((part := out / "a.txt.part").exists() and part.stat().st_size == 200_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(kill)
    process.wait(timeout=30)
    assert names(out) == ["a.txt.part", "a.txt.part.json"]
    assert not obtain(spec, out).failed
    assert (out / "a.txt").read_bytes() == BODY
    assert server.ranges["/a.txt"] == [None, "bytes=200000-"]
    assert names(out) == ["a.txt", "sources.lock"]


def test_bars_on_a_terminal(server, out):
    resource = Resource(BODY, cut_after=[10_000, 10_000])
    spec = source(server.add("a.txt", resource))
    code = (
        "from genoprot_datasets.download import download; from genoprot_datasets.sources import SourceSpec; "
        f"download([SourceSpec('a', 'a', ('a.txt',), '', '', {spec.url!r}, '', ())], {str(out)!r}, "
        "show_progress=True)"
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 90, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error on Linux
        while block := os.read(ours, 4096):
            shown += block
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "a.txt: " in text
    assert "B/s" in text
    assert "1 of 1 files" in text
    assert f"a.txt: {len(BODY):,} bytes, verified" in text


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


def test_sources_to_get_by_hand(out, capsys):
    assert command("--out", out, "--only", "models", "ligands") == 2
    error = capsys.readouterr().err
    assert "get it by hand: https://depmap.org/portal/data_page/?tab=allData, save as Model.csv" in error
    assert "https://doi.org/10.5281/zenodo.10721939, save as compound_target_pairs.csv" in error
    (out / "Model.csv").write_text("ModelID\n")
    assert command("--out", out, "--only", "models") == 0
    assert "Model.csv" in lock_of(out)


def test_command_on_a_local_mirror(server, out, capsys, monkeypatch):
    body = b"data-version: 1\n"
    mirror = source(server.add("go-basic.obo", Resource(body)), "ontology")
    hand = source("https://example.org/page", "models", save_as="Model.csv", by_hand=True)
    monkeypatch.setattr("genoprot_datasets.download.sources_of", lambda species: (mirror, hand))
    assert command("--out", out) == 0
    captured = capsys.readouterr()
    assert captured.out == f"1 of 2 sources in {out}\n"
    assert "go-basic.obo: 16 bytes, verified" in captured.err
    assert "get it by hand" in captured.err
    (out / "go-basic.obo").write_bytes(b"spoilt")
    assert command("--out", out) == 2
    assert "genoprot: error: go-basic.obo: http://127.0.0.1" in capsys.readouterr().err


def test_unknown_key_names_those_there_are(out):
    with pytest.raises(GenoProtError, match="no source 'nothing'; the sources are genome, annotation"):
        command("--out", out, "--only", "nothing")


@pytest.mark.parametrize("species", ["human", "yeast", "ecoli"])
def test_every_source_has_an_address_and_a_name(species):
    for spec in sources_of(SPECIES[species]):
        assert spec.url.startswith("https://")
        assert spec.file_name
        assert "?" not in spec.file_name
