"""Fields of a block of text, found and compared as arrays."""

from __future__ import annotations

import numpy as np

__all__ = ["MOST_DIGITS", "TextFields"]

MOST_DIGITS = 15
_WORD = 8
_MASKS = np.array([(1 << (8 * k)) - 1 for k in range(_WORD + 1)], np.uint64)
_LONGEST = 64


class TextFields:
    """Bytes and what can be asked of many fields in them at once; a field is a start and an exclusive end.

    Parameters
    ----------
    content : bytes

    Attributes
    ----------
    letters : ndarray of uint8

    Examples
    --------
    >>> text = TextFields(b"CDS gene CDSX")
    >>> fields = np.array([0, 4, 9]), np.array([3, 8, 13])
    >>> text.equal(*fields, b"CDS").tolist()
    [True, False, False]
    """

    def __init__(self, content: bytes) -> None:
        # Fields are looked at in words of eight bytes, which may reach beyond the end.
        padded = np.frombuffer(content + bytes(_WORD), np.uint8)
        self.letters = padded[: len(content)]
        self._words = np.ndarray(len(content) + 1, "<u8", padded, strides=(1,))

    def words(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The first eight bytes of each field as a number; those beyond a shorter field are zero."""
        return self._words[starts] & _MASKS[np.minimum(ends - starts, _WORD)]

    def equal(
        self, starts: np.ndarray, ends: np.ndarray, word: bytes, words: np.ndarray | None = None
    ) -> np.ndarray:
        """Whether each field is a word of at least one byte.

        Parameters
        ----------
        starts, ends : ndarray of int
        word : bytes
        words : ndarray of uint64, optional
            What `words` says of these fields, where many words are looked for.
        """
        words = self.words(starts, ends) if words is None else words
        found = words == _number(word)
        alike = np.flatnonzero(found)
        same = ends[alike] - starts[alike] == len(word)
        for k in range(_WORD, len(word), _WORD):
            rest = self.words(np.minimum(starts[alike] + k, ends[alike]), ends[alike])
            same &= rest == _number(word[k:])
        found[alike] = same
        return found

    def same_as_before(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Whether each field is the same as the one before; False for the first and for very long ones."""
        lengths = ends - starts
        same = np.zeros(len(starts), bool)
        same[1:] = (lengths[1:] == lengths[:-1]) & (lengths[1:] <= _LONGEST)
        for k in range(0, int(min(lengths.max(initial=0), _LONGEST)), _WORD):
            words = self.words(np.minimum(starts + k, ends), ends)
            same[1:] &= words[1:] == words[:-1]
        return same

    def numbers(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of fields, and whether they are numbers of 1 to `MOST_DIGITS` digits."""
        lengths = ends - starts
        are_numbers = (lengths >= 1) & (lengths <= MOST_DIGITS)
        values = np.zeros(len(starts), np.int64)
        for k in range(int(min(lengths.max(initial=0), MOST_DIGITS))):
            inside = k < lengths
            digits = self.letters[np.minimum(starts + k, len(self.letters) - 1)] - np.uint8(ord("0"))
            are_numbers &= ~inside | (digits <= 9)
            values = np.where(inside, values * 10 + digits, values)
        return values, are_numbers


def _number(word: bytes) -> np.uint64:
    """The first eight bytes of a word as `TextFields.words` has them."""
    return np.uint64(int.from_bytes(word[:_WORD], "little"))
