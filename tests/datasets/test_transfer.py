"""Transfers from a server that cuts, stalls, lies and changes its mind."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest
from faulty_server import Resource, serving

from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_datasets.transfer import NotModified, Origin, Patience, TransferError, fetch

QUICK = Patience(attempts=3, first_wait_seconds=0.01, longest_wait_seconds=0.02, stall_seconds=0.3)
BODY = bytes(range(256)) * 4_000
OTHER = BODY[::-1]


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def part(tmp_path):
    return tmp_path / "a.txt.part"


def test_whole_file(server, part):
    url = server.add("a.txt", Resource(BODY))
    seen = []
    origin = fetch(url, part, patience=QUICK, on_bytes=lambda held, total: seen.append((held, total)))
    assert part.read_bytes() == BODY
    assert (origin.bytes, origin.etag) == (len(BODY), server.resources["/a.txt"].etag)
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert [held for held, _ in seen] == sorted(held for held, _ in seen)


def test_empty_file(server, part):
    assert fetch(server.add("a.txt", Resource(b"")), part, patience=QUICK).bytes == 0
    assert part.read_bytes() == b""


def test_cut_connections_are_continued_where_they_broke(server, part):
    # More cuts than attempts: each brings new bytes, so patience does not end.
    url = server.add("a.txt", Resource(BODY, cut_after=[100_000, 200_000, 0, 5, 300_000]))
    fetch(url, part, patience=QUICK)
    assert part.read_bytes() == BODY
    ranges = server.ranges["/a.txt"]
    assert ranges == [None] + [f"bytes={held}-" for held in (100_000, 300_000, 300_000, 300_005, 600_005)]


def test_a_later_call_continues(server, part):
    resource = Resource(BODY, cut_after=[400_000, 0, 0, 0])
    url = server.add("a.txt", resource)
    with pytest.raises(TransferError, match="3 attempts without progress"):
        fetch(url, part, patience=QUICK)
    assert part.stat().st_size == 400_000
    resource.cut_after.clear()
    fetch(url, part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert server.ranges["/a.txt"][-1] == "bytes=400000-"


def test_a_whole_part_needs_no_request(server, part):
    url = server.add("a.txt", Resource(BODY))
    fetch(url, part, patience=QUICK)
    fetch(url, part, patience=QUICK)
    assert server.requests["/a.txt"] == 1


def test_changed_content_starts_over(server, part):
    resource = Resource(BODY, cut_after=[400_000])
    resource.on_request = lambda number: setattr(resource, "body", BODY if number == 1 else OTHER)
    origin = fetch(server.add("a.txt", resource), part, patience=QUICK)
    assert part.read_bytes() == OTHER
    assert origin.etag == resource.etag
    assert server.ranges["/a.txt"] == [None, "bytes=400000-"]


def test_a_server_that_ignores_ranges_starts_over(server, part):
    fetch(server.add("a.txt", Resource(BODY, cut_after=[400_000], ranges=False)), part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert server.ranges["/a.txt"] == [None, "bytes=400000-"]


def test_without_validators_nothing_is_continued(server, part):
    fetch(server.add("a.txt", Resource(BODY, cut_after=[400_000], validators=False)), part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert server.ranges["/a.txt"] == [None, None]


def test_a_part_of_unknown_or_other_origin_is_replaced(server, part):
    url = server.add("a.txt", Resource(BODY))
    part.write_bytes(b"something else")
    fetch(url, part, patience=QUICK)
    assert part.read_bytes() == BODY
    other = server.add("b.txt", Resource(OTHER))
    fetch(other, part, patience=QUICK)
    assert part.read_bytes() == OTHER


def test_a_part_longer_than_the_file_starts_over(server, part):
    resource = Resource(BODY, cut_after=[500_000, 0, 0, 0])
    url = server.add("a.txt", resource)
    with pytest.raises(TransferError):
        fetch(url, part, patience=QUICK)
    resource.cut_after.clear()
    part.write_bytes(BODY + BODY)
    fetch(url, part, patience=QUICK)
    assert part.read_bytes() == BODY


def test_stalled_connection(server, part):
    fetch(server.add("a.txt", Resource(BODY, stall_after=[100_000])), part, patience=QUICK)
    assert part.read_bytes() == BODY
    url = server.add("b.txt", Resource(BODY, stall_after=[0, 0, 0]))
    with pytest.raises(TransferError, match=r"b\.txt: nothing came for 0\.3 s; 3 attempts without progress"):
        fetch(url, part, patience=QUICK)


def test_length_that_is_too_long(server, part):
    url = server.add("a.txt", Resource(BODY, announced=len(BODY) + 10))
    with pytest.raises(TransferError, match=r"a\.txt: .*3 attempts without progress"):
        fetch(url, part, patience=QUICK)


def test_no_length_at_all(server, part):
    origin = fetch(server.add("a.txt", Resource(BODY, no_length=True)), part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert origin.bytes == len(BODY)


def test_gzip_as_transfer_encoding_stays_as_it_lies(server, part):
    fetch(server.add("a.gz", Resource(b"\x1f\x8b not really", encoding="x-gzip")), part, patience=QUICK)
    assert part.read_bytes() == b"\x1f\x8b not really"
    with pytest.raises(TransferError, match=r"encoded \(gzip\)"):
        fetch(server.add("a.txt", Resource(BODY, encoding="gzip")), part, patience=QUICK)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 501])
def test_final_refusals_are_not_repeated(server, part, status):
    url = server.add("a.txt", Resource(BODY, statuses=[(status, {})] * 5))
    with pytest.raises(TransferError, match=rf"a\.txt: HTTP status {status}") as caught:
        fetch(url, part, patience=QUICK)
    assert caught.value.status == status
    assert server.requests["/a.txt"] == 1
    assert not part.exists()


def test_passing_refusals_are_repeated(server, part):
    fetch(server.add("a.txt", Resource(BODY, statuses=[(503, {}), (500, {})])), part, patience=QUICK)
    assert part.read_bytes() == BODY
    url = server.add("b.txt", Resource(BODY, statuses=[(503, {})] * 9))
    with pytest.raises(TransferError, match="HTTP status 503 Service Unavailable; 3 attempts"):
        fetch(url, part, patience=QUICK)
    assert server.requests["/b.txt"] == 3


def test_retry_after_is_honoured(server, part):
    fetch(server.add("a.txt", Resource(BODY, statuses=[(429, {"Retry-After": "1"})])), part, patience=QUICK)
    first, second = server.times["/a.txt"]
    assert 1.0 <= second - first < 3
    date = formatdate(time.time() + 2, usegmt=True)
    fetch(server.add("b.txt", Resource(BODY, statuses=[(503, {"Retry-After": date})])), part, patience=QUICK)
    first, second = server.times["/b.txt"]
    assert 0.5 <= second - first < 4


def test_retry_after_has_a_limit(server, part):
    url = server.add("a.txt", Resource(BODY, statuses=[(429, {"Retry-After": "86400"})]))
    with pytest.raises(TransferError, match="asks to wait 86,400 s, try again later"):
        fetch(url, part, patience=QUICK)


def test_nobody_listens(server, part):
    with pytest.raises(TransferError, match="127.0.0.1:9/a.txt: the connection failed"):
        fetch("http://127.0.0.1:9/a.txt", part, patience=QUICK)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.txt", "no address", "http://"])
def test_addresses_that_are_none(part, url):
    with pytest.raises(TransferError):
        fetch(url, part, patience=QUICK)


def test_folder_that_cannot_be_written(server, tmp_path):
    with pytest.raises(TransferError, match="cannot write"):
        fetch(server.add("a.txt", Resource(BODY)), tmp_path / "nowhere" / "a.part", patience=QUICK)


def test_known_version_is_not_transferred(server, part):
    resource = Resource(BODY)
    url = server.add("a.txt", resource)
    with pytest.raises(NotModified):
        fetch(url, part, patience=QUICK, known=Origin(url, etag=resource.etag))
    fetch(url, part, patience=QUICK, known=Origin(url, etag='"older"'))
    assert part.read_bytes() == BODY


def test_stop_ends_a_wait(server, part):
    stop = Stop()
    url = server.add("a.txt", Resource(BODY, statuses=[(503, {"Retry-After": "600"})]))
    threading.Timer(0.2, stop.set).start()
    before = time.monotonic()
    with pytest.raises(TransferStopped):
        fetch(url, part, patience=QUICK, stop=stop)
    assert time.monotonic() - before < 5


def test_stop_ends_a_stalled_transfer(server, part):
    stop = Stop()
    url = server.add("a.txt", Resource(BODY, stall_after=[100_000]))
    threading.Timer(0.3, stop.set).start()
    before = time.monotonic()
    with pytest.raises(TransferStopped):
        fetch(url, part, stop=stop)
    assert time.monotonic() - before < 5
    assert part.stat().st_size == 100_000
