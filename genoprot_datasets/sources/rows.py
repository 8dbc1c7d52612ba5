"""Rows of a GFF3 file, a block of lines at a time as arrays, so that few of them are read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from genoprot_datasets.sources.attributes import AttributeTable
from genoprot_datasets.sources.text_fields import TextFields

__all__ = ["RowTable", "Rows", "Stretch", "Wanted"]

_FIELDS = 9


class Wanted(NamedTuple):
    """Types of rows, and the attributes that are wanted of them.

    Attributes
    ----------
    kinds : tuple of str
        Values of the third field. Coding regions, ``CDS``, are wanted by themselves.
    names : tuple of str
    """

    kinds: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_coding(self) -> bool:
        """Whether these are rows of coding regions."""
        return self.kinds == ("CDS",)


class Rows(NamedTuple):
    """Rows of some types that lie on one sequence, as columns.

    Rows of a coding region that follow each other and differ in coordinates and phase only are one.

    Attributes
    ----------
    wanted : Wanted
    seqid : str
    lines : list of int
        Number of each row's line; the first of several.
    kinds : list of str
    starts, ends : list of int
        1-based and inclusive; of the first of several.
    strands : sequence of str
    attributes : list of list of str
        For each of the names that are wanted, its value in each row, as `attributes_of` has it.
    parts : list of tuple of (int, int)
        Start and end of all that are one; for coding regions only.
    phases : list of str
        A character for each of these.
    """

    wanted: Wanted
    seqid: str
    lines: list[int]
    kinds: list[str]
    starts: list[int]
    ends: list[int]
    strands: Sequence[str]
    attributes: list[list[str]]
    parts: list[tuple[tuple[int, int], ...]]
    phases: list[str]


class Stretch(NamedTuple):
    """Lines with nothing to complain of, on the sequence of the row before, and then lines to be looked at.

    Attributes
    ----------
    first, odd, last : int
        The first of the lines, the first of those to be looked at one by one, and the last of these.
    reach : int
        Largest coordinate of the rows.
    rows : list of Rows
        Those that are wanted; the sequence is left open.
    """

    first: int
    odd: int
    last: int
    reach: int
    rows: list[Rows]


class _Group(NamedTuple):
    """Rows of a block with nothing to complain of, of types that are wanted together."""

    first: np.ndarray
    reach: np.ndarray
    columns: Rows


class RowTable:
    """Lines of a block, most of those that are wanted read.

    Parameters
    ----------
    block : bytes
        UTF-8 lines, each with a line feed after it.
    wanted : sequence of Wanted
    number : int
        Number of the first line in the file.

    Examples
    --------
    >>> row = b"chr1\\tR\\t%s\\t5\\t9\\t.\\t+\\t0\\tID=c1\\n"
    >>> block = row % b"gene" + row % b"CDS" + row % b"exon"
    >>> for stretch in RowTable(block, [Wanted(("CDS",), ("ID",))], 1).stretches():
    ...     print(stretch[:4], [(rows.lines, rows.attributes) for rows in stretch.rows])
    (0, 0, 0, 0) []
    (1, 3, 2, 9) [([2], [['c1']])]
    """

    def __init__(self, block: bytes, wanted: Sequence[Wanted], number: int) -> None:
        self._block, self._wanted, self._number = block, wanted, number
        self._text = TextFields(block)
        letters = self._text.letters
        marks = np.flatnonzero(letters <= ord("\n"))
        marked = letters[marks]
        if (marked < ord("\t")).any():
            marks, marked = marks[marked >= ord("\t")], marked[marked >= ord("\t")]
        line_feeds = np.flatnonzero(marked == ord("\n"))
        self._ends = marks[line_feeds]
        self._starts = np.concatenate([[0], self._ends[:-1] + 1])
        first_mark = np.concatenate([[0], line_feeds[:-1] + 1])
        of_nine = line_feeds - first_mark == _FIELDS - 1
        comment = letters[self._starts] == ord("#")
        row = ~comment & (self._starts < self._ends)

        whole = np.flatnonzero(row & of_nine)
        cuts = marks[first_mark[whole, None] + np.arange(_FIELDS - 1)].T
        # The coordinates of a `region` say how long a sequence is, and a new sequence has to be looked up.
        names = [kind for group in wanted for kind in group.kinds]
        kinds = self._kinds(cuts[1] + 1, cuts[2], [*names, "region"])
        same = self._text.same_as_before(self._starts[whole], cuts[0])
        odd = row & ~of_nine
        odd[whole] = ~same | (kinds == len(names))
        directive = np.flatnonzero(comment)
        odd[directive[letters[self._starts[directive] + 1] == ord("#")]] = True
        self._first = self._last = np.flatnonzero(odd)
        usual = same & (kinds >= 0) & (kinds < len(names))
        self._groups = self._read(whole[usual], kinds[usual], cuts[:, usual])

    def __len__(self) -> int:
        return len(self._starts)

    def line(self, k: int) -> str:
        """A line without its end."""
        return self._block[self._starts[k] : self._ends[k]].decode("utf-8")

    def stretches(self) -> Iterator[Stretch]:
        """The block from its first line to the last."""
        odd, last = [*self._first.tolist(), len(self)], [*self._last.tolist(), len(self) - 1]
        bounds = [np.searchsorted(group.first, odd).tolist() for group in self._groups]
        places = [0] * len(self._groups)
        first = 0
        for k, (until, after) in enumerate(zip(odd, last)):
            rows, reach = [], 0
            for number, group in enumerate(self._groups):
                start, stop = places[number], bounds[number][k]
                if start < stop:
                    places[number] = stop
                    reach = max(reach, int(group.reach[start:stop].max()))
                    rows.append(_sliced(group.columns, start, stop))
            yield Stretch(first, until, after, reach, rows)
            first = after + 1

    def _kinds(self, starts: np.ndarray, ends: np.ndarray, kinds: list[str]) -> np.ndarray:
        """Which of some words each field is, -1 where it is none."""
        words = self._text.words(starts, ends)
        found = np.full(len(starts), -1)
        for number, kind in enumerate(kinds):
            found[self._text.equal(starts, ends, kind.encode(), words)] = number
        return found

    def _read(self, lines: np.ndarray, kinds: np.ndarray, cuts: np.ndarray) -> list[_Group]:
        """Read wanted rows of nine fields, each on the sequence of the row before."""
        letters = self._text.letters
        names = [kind for group in self._wanted for kind in group.kinds]
        group_of = np.array([k for k, group in enumerate(self._wanted) for _ in group.kinds])[kinds]
        starts, are_numbers = self._text.numbers(cuts[2] + 1, cuts[3])
        ends, are_numbers_too = self._text.numbers(cuts[3] + 1, cuts[4])
        strands, phases = letters[cuts[5] + 1], letters[cuts[6] + 1]
        coding = kinds == (names.index("CDS") if "CDS" in names else -1)
        plain = are_numbers & are_numbers_too & (starts >= 1) & (starts <= ends) & (cuts[6] - cuts[5] == 2)
        plain &= _is_any(strands, b"+-") | ~coding & _is_any(strands, b".?")
        plain &= ~coding | (cuts[7] - cuts[6] == 2) & _is_any(phases, b"012.")
        begin, end = (cuts[7] + 1).tolist(), (self._ends[lines] + 1).tolist()
        fields = [self._block[a:b] for a, b in zip(begin, end)]
        heads = np.flatnonzero(~self._repeats(lines, coding & plain, strands, fields))
        if not len(heads):
            return []
        stops = np.append(heads[1:], len(lines))

        table = AttributeTable(b"".join([fields[k] for k in heads.tolist()]))
        odd = ~(plain[heads] & table.is_plain)
        self._add_odd(lines[heads[odd]], lines[stops[odd] - 1])
        reach = np.maximum.reduceat(ends, heads)
        found = []
        for k, wanted in enumerate(self._wanted):
            own = np.flatnonzero((group_of[heads] == k) & ~odd)
            rows = heads[own]
            columns = Rows(
                wanted,
                "",
                (lines[rows] + self._number).tolist(),
                list(map(names.__getitem__, kinds[rows].tolist())),
                starts[rows].tolist(),
                ends[rows].tolist(),
                _characters(strands[rows]),
                [table.column(name, own) for name in wanted.names],
                *(_runs(starts, ends, phases, rows, stops[own]) if wanted.is_coding else ([], [])),
            )
            found.append(_Group(lines[rows], reach[own], columns))
        return found

    def _add_odd(self, first: np.ndarray, last: np.ndarray) -> None:
        """Add lines that have to be looked at one by one."""
        if len(first):
            first, last = np.append(self._first, first), np.append(self._last, last)
            order = np.argsort(first)
            self._first, self._last = first[order], last[order]

    def _repeats(
        self, lines: np.ndarray, coding: np.ndarray, strands: np.ndarray, fields: list[bytes]
    ) -> np.ndarray:
        """Whether each row is of a coding region, as the row before, with the same strand and attributes."""
        odd_before = np.searchsorted(self._first, lines)
        alike = np.zeros(len(lines), bool)
        alike[1:] = coding[1:] & coding[:-1]
        alike[1:] &= (strands[1:] == strands[:-1]) & (odd_before[1:] == odd_before[:-1])
        candidates = np.flatnonzero(alike)
        alike[candidates] = [fields[k] == fields[k - 1] for k in candidates.tolist()]
        return alike


def _is_any(letters: np.ndarray, wanted: bytes) -> np.ndarray:
    found = letters == wanted[0]
    for letter in wanted[1:]:
        found |= letters == letter
    return found


def _characters(letters: np.ndarray) -> str:
    return letters.tobytes().decode("latin-1")


def _runs(
    starts: np.ndarray, ends: np.ndarray, phases: np.ndarray, first: np.ndarray, stop: np.ndarray
) -> tuple[list[tuple[tuple[int, int], ...]], list[str]]:
    """Coordinates and phases of rows that are one, by the first of them and the one after the last."""
    pairs, letters = list(zip(starts.tolist(), ends.tolist())), _characters(phases)
    runs = list(zip(first.tolist(), stop.tolist()))
    return [tuple(pairs[a:b]) for a, b in runs], [letters[a:b] for a, b in runs]


def _sliced(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(
        rows.wanted,
        rows.seqid,
        *(column[start:stop] for column in rows[2:7]),
        [column[start:stop] for column in rows.attributes],
        rows.parts[start:stop],
        rows.phases[start:stop],
    )
