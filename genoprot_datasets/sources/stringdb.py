"""STRING's interactions and the names of its proteins."""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.accessions import is_accession
from genoprot_datasets.sources.tables import columns_of, iter_rows
from genoprot_datasets.sources.text import open_binary

__all__ = ["ACCESSION_SOURCES", "CHANNELS", "Links", "read_aliases", "read_links"]

_BLOCK_BYTES = 1 << 22
_PROTEINS = ("protein1", "protein2")
_HIGHEST_SCORE = 1000
_FIRST_ROW = 2

CHANNELS = (
    "neighborhood",
    "fusion",
    "cooccurence",
    "coexpression",
    "experimental",
    "database",
    "textmining",
)
"""Kinds of evidence that ``protein.links.detailed`` scores one by one, by the names of its columns."""

ACCESSION_SOURCES = frozenset({"UniProt_AC", "Ensembl_UniProt_AC", "Ensembl_UniProt"})
"""Sources of aliases that are UniProt accessions."""


@dataclass(frozen=True)
class Links:
    """Undirected interactions.

    Attributes
    ----------
    ids : tuple of str
        Every STRING protein that the file names, whatever its scores; sorted.
    pairs : ndarray, shape=(n, 2), dtype=int32
        Positions in `ids`, the smaller first; sorted, each pair once.
    scores : ndarray, shape=(n,), dtype=int16
        Combined score, or that of the channel, 0 to 1000; the highest where the file has a pair
        more than once.
    """

    ids: tuple[str, ...]
    pairs: np.ndarray
    scores: np.ndarray


def read_links(path: str | Path, min_score: int = 0, channel: str = "combined") -> Links:
    """Read ``protein.links`` (or ``.links.detailed``, ``.links.full``).

    Parameters
    ----------
    path : str or Path
        Separated by spaces, with a header; both directions of a pair or one.
    min_score : int
        Lowest score of a pair that counts.
    channel : str
        ``combined``, or the one of `CHANNELS` whose score counts: a pair that the channel scores 0 is not
        reported by it.

    Returns
    -------
    Links

    Raises
    ------
    SourceError
        If the file has no scores of the channel, a row is malformed, a score is no integer from 0 to 1000,
        or there is no row.
    """
    column = f"{channel}_score" if channel == "combined" else channel
    lowest = min_score if channel == "combined" else max(1, min_score)
    with open_binary(path) as reader:
        try:
            names = reader.readline().decode("utf-8").rstrip("\r\n").split(" ")
        except UnicodeDecodeError as error:
            raise SourceError(path, f"not UTF-8 text ({error.reason})", line=1) from None
        if column in CHANNELS and column not in names and _PROTEINS[0] in names:
            message = f"no scores of channel {channel} in it; expected a file protein.links.detailed"
            raise SourceError(path, message, line=1)
        columns_of(path, names, (*_PROTEINS, column), line=1)
        if not all(name and name.isprintable() for name in names):
            raise SourceError(path, f"header {' '.join(names)!r}, expected names and single spaces", line=1)
        table = _read_csv(path, reader, names, (*_PROTEINS, column))
    first, first_names = _encoded(table["protein1"])
    second, second_names = _encoded(table["protein2"])
    score_codes, score_texts = _encoded(table[column])
    scores = np.array([_score(text) for text in score_texts], dtype=np.int16)[score_codes]
    if (scores < 0).any():
        row = int(np.argmax(scores < 0))
        found = score_texts[score_codes[row]]
        raise SourceError(path, f"{column} is {found!r}, expected 0 to 1000", line=row + _FIRST_ROW)
    ids = np.union1d(first_names, second_names)
    if ids[0] == "":
        raise SourceError(path, "row without a STRING identifier")
    first = np.searchsorted(ids, first_names).astype(np.int32)[first]
    second = np.searchsorted(ids, second_names).astype(np.int32)[second]
    kept = (scores >= lowest) & (first != second)
    pairs = np.stack([np.minimum(first, second)[kept], np.maximum(first, second)[kept]], axis=1)
    scores = scores[kept]
    order = np.lexsort((-scores, pairs[:, 1], pairs[:, 0]))
    pairs, scores = pairs[order], scores[order]
    new = np.ones(len(pairs), dtype=bool)
    new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return Links(tuple(ids.tolist()), pairs[new], scores[new])


def _score(text: str) -> int:
    """Score; -1 where the text is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return -1
    return int(text) if int(text) <= _HIGHEST_SCORE else -1


class _Utf8:
    """A stream that checks its bytes; Arrow passes over a row that it cannot decode for its handler."""

    closed = False

    def __init__(self, path: str | Path, reader: BinaryIO) -> None:
        self._path = path
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self, size: int) -> bytes:
        block = self._reader.read(size)
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise SourceError(self._path, f"not UTF-8 text ({error.reason})") from None
        return block


def _read_csv(path: str | Path, reader: BinaryIO, names: list[str], wanted: Sequence[str]) -> pa.Table:
    misfits: list[pa_csv.InvalidRow] = []

    def on_misfit(row: pa_csv.InvalidRow) -> str:
        misfits.append(row)
        return "error"

    text = pa.dictionary(pa.int32(), pa.string())
    try:
        return pa_csv.read_csv(
            _Utf8(path, reader),
            pa_csv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK_BYTES),
            pa_csv.ParseOptions(
                delimiter=" ", quote_char=False, ignore_empty_lines=False, invalid_row_handler=on_misfit
            ),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, text), include_columns=wanted, null_values=[]
            ),
        )
    except pa.ArrowInvalid as error:
        if misfits:
            row = misfits[0]
            message = f"expected {row.expected_columns} fields, found {row.actual_columns}"
            raise SourceError(path, message, line=row.number + _FIRST_ROW - 1) from None
        if str(error).startswith("Empty CSV file"):
            raise SourceError(path, "no interaction in it") from None
        reason = " ".join(str(error).split())
        raise SourceError(path, f"not a table of interactions ({reason})") from None


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a dictionary column, and the strings that they stand for."""
    column = column.unify_dictionaries()
    strings = column.chunk(0).dictionary.to_numpy(zero_copy_only=False)
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks])
    return codes, strings


def read_aliases(path: str | Path, sources: Collection[str] = ACCESSION_SOURCES) -> dict[str, frozenset[str]]:
    """UniProt accessions of STRING's proteins, from ``protein.aliases``.

    Parameters
    ----------
    path : str or Path
        With the header of version 11.0 (``## string_protein_id ## alias ## source ##``) or that of 11.5
        and later (``#string_protein_id``, ``alias``, ``source``). A row of version 11.0 may name several
        sources, separated by spaces.
    sources : collection of str
        Sources that count; when left out, those that name an accession. Those that found it by similarity
        (``BLAST_...``) do not count unless they are asked for.

    Returns
    -------
    dict of str to frozenset of str
        Accessions by STRING identifier; a protein without any is not in it.

    Raises
    ------
    SourceError
        If a row is malformed, or no row has an accession from UniProt.
    """
    accepted = frozenset(sources)
    aliases: dict[str, set[str]] = defaultdict(set)
    for line, (identifier, alias, source) in iter_rows(path, "\t", width=3, comment="#"):
        if not identifier:
            raise SourceError(path, "row without a STRING identifier", line=line)
        if not accepted.isdisjoint(source.split()) and is_accession(alias):
            aliases[identifier].add(alias)
    if not aliases:
        raise SourceError(path, f"no row with an accession from {', '.join(sorted(accepted))}")
    return {identifier: frozenset(found) for identifier, found in aliases.items()}
