"""Rows of a GFF3 file, a block of lines at a time as arrays, so that few of them are read one by one."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

__all__ = ["RowTable"]

_FIELDS = 9
_MOST_DIGITS = 15
_LONGEST_SEQID = 64


class RowTable:
    """Places of the lines and fields of a block of whole lines.

    Parameters
    ----------
    block : bytes
        UTF-8, lines end in a line feed.
    kinds : collection of str
        Values of the third field that are wanted.

    Attributes
    ----------
    is_plain_coding : list of bool
        Lines that are coding regions of whole fields, on the sequence of the row before, with possible
        coordinates, strand and phase: the usual row, whose numbers are in `start` and `end`.
    start, end : list of int
        By line; 0 where the line is not such a row.

    Examples
    --------
    >>> row = b"chr1\\tR\\t%s\\t5\\t9\\t.\\t+\\t0\\tID=c1\\n"
    >>> table = RowTable(b"#!x\\n" + row % b"gene" + row % b"CDS" + row % b"exon", ["gene", "CDS"])
    >>> list(table.worth_reading()), table.coding(2)
    ([1, 2], (5, 9, '+', '0', 'ID=c1'))
    """

    def __init__(self, block: bytes, kinds: Collection[str]) -> None:
        self._block = block
        # Rows may be looked at beyond their ends, up to the longest field.
        self._bytes = np.frombuffer(block + bytes(_LONGEST_SEQID), np.uint8)
        letters = self._bytes[: len(block)]
        ends = np.flatnonzero(letters == ord("\n"))
        if not block.endswith(b"\n"):
            ends = np.append(ends, len(block))
        starts = np.concatenate([[0], ends[:-1] + 1])
        tabs = np.flatnonzero(letters == ord("\t"))
        first_tab = np.searchsorted(tabs, starts)
        of_nine = np.searchsorted(tabs, ends) - first_tab == _FIELDS - 1
        comment = self._bytes[starts] == ord("#")
        row = ~comment & (starts < ends)
        self._starts, self._ends = starts.tolist(), ends.tolist()

        whole = np.flatnonzero(row & of_nine)
        cuts = tabs[first_tab[whole, None] + np.arange(_FIELDS - 1)]
        wanted = self._is_any(cuts[:, 1] + 1, cuts[:, 2], kinds)
        same = np.zeros(len(whole), bool)
        same[1:] = self._same_as_before(starts[whole], cuts[:, 0])
        worth = row & ~of_nine
        worth[whole] = wanted | ~same
        worth |= comment & (self._bytes[starts + 1] == ord("#")) & (ends > starts + 1)
        self._worth = np.flatnonzero(worth)

        coding = np.flatnonzero(same & self._is_any(cuts[:, 1] + 1, cuts[:, 2], ["CDS"]))
        cuts, lines = cuts[coding], whole[coding]
        start, are_numbers = self._numbers(cuts[:, 2] + 1, cuts[:, 3])
        end, are_numbers_too = self._numbers(cuts[:, 3] + 1, cuts[:, 4])
        single = (cuts[:, 6] - cuts[:, 5] == 2) & (cuts[:, 7] - cuts[:, 6] == 2)
        strands, phases = self._bytes[cuts[:, 5] + 1], self._bytes[cuts[:, 6] + 1]
        plain = are_numbers & are_numbers_too & (start >= 1) & (start <= end) & single
        plain &= np.isin(strands, np.frombuffer(b"+-", np.uint8))
        plain &= np.isin(phases, np.frombuffer(b"012.", np.uint8))
        self.is_plain_coding = self._by_line(lines, plain)
        self.start, self.end = self._by_line(lines, start * plain), self._by_line(lines, end * plain)
        self._attributes = self._by_line(lines, cuts[:, 7] + 1)
        self._strands, self._phases = self._by_line(lines, strands), self._by_line(lines, phases)

    def __len__(self) -> int:
        return len(self._starts)

    def worth_reading(self) -> list[int]:
        """Lines that are wanted, faulty, directives, or the first ones of a sequence in the block."""
        return self._worth.tolist()

    def line(self, k: int) -> str:
        """A line without its end."""
        return self._block[self._starts[k] : self._ends[k]].decode("utf-8")

    def coding(self, k: int) -> tuple[int, int, str, str, str]:
        """Start, end, strand, phase and attributes of a row for which `is_plain_coding` holds."""
        attributes = self._block[self._attributes[k] : self._ends[k]].decode("utf-8")
        return self.start[k], self.end[k], chr(self._strands[k]), chr(self._phases[k]), attributes

    def _by_line(self, lines: np.ndarray, values: np.ndarray) -> list:
        spread = np.zeros(len(self), values.dtype)
        spread[lines] = values
        return spread.tolist()

    def _is_any(self, starts: np.ndarray, ends: np.ndarray, words: Collection[str]) -> np.ndarray:
        """Whether each field is one of some words."""
        found = np.zeros(len(starts), bool)
        for word in words:
            letters = np.frombuffer(word.encode(), np.uint8)
            alike = np.flatnonzero(ends - starts == len(letters))
            alike = alike[(self._bytes[starts[alike, None] + np.arange(len(letters))] == letters).all(axis=1)]
            found[alike] = True
        return found

    def _same_as_before(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Whether each field but the first is the same as the one before; False for very long ones."""
        lengths = ends - starts
        same = (lengths[1:] == lengths[:-1]) & (lengths[1:] <= _LONGEST_SEQID)
        for k in range(int(min(lengths.max(initial=0), _LONGEST_SEQID))):
            letters = self._bytes[starts + np.minimum(k, lengths)]
            same &= (letters[1:] == letters[:-1]) | (k >= lengths[1:])
        return same

    def _numbers(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of fields, and whether they are numbers of 1 to 15 digits."""
        lengths = ends - starts
        are_numbers = (lengths >= 1) & (lengths <= _MOST_DIGITS)
        values = np.zeros(len(starts), np.int64)
        for k in range(int(min(lengths.max(initial=0), _MOST_DIGITS))):
            digits = self._bytes[starts + np.minimum(k, lengths)].astype(np.int64) - ord("0")
            inside = k < lengths
            are_numbers &= ~inside | ((digits >= 0) & (digits <= 9))
            values = np.where(inside, values * 10 + digits, values)
        return values, are_numbers
