"""What a UniProt accession looks like."""

from __future__ import annotations

import re

__all__ = ["bare_accession", "is_accession", "is_protein_identifier"]

_ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")
_ISOFORM = re.compile(r"[1-9][0-9]{0,3}")


def is_accession(text: str) -> bool:
    """Whether a text has the form of a UniProt accession.

    References
    ----------
    The UniProt Consortium, "What are accession numbers?", https://www.uniprot.org/help/accession_numbers.

    Examples
    --------
    >>> is_accession("P04637"), is_accession("A0A024R161"), is_accession("P04637-2"), is_accession("TP53")
    (True, True, False, False)
    """
    return _ACCESSION.fullmatch(text) is not None


def is_protein_identifier(text: str) -> bool:
    """Whether a text is an accession, or one with the number of an isoform.

    Examples
    --------
    >>> is_protein_identifier("P04637-2"), is_protein_identifier("P04637-")
    (True, False)
    """
    accession, hyphen, isoform = text.partition("-")
    return is_accession(accession) and (not hyphen or _ISOFORM.fullmatch(isoform) is not None)


def bare_accession(text: str) -> str:
    """The accession in a name that has a version, an isoform or the bars of a FASTA header besides.

    Examples
    --------
    >>> [bare_accession(name) for name in ("p04637", " P04637.4", "P04637-2", "sp|P04637|P53_HUMAN", "TP53")]
    ['P04637', 'P04637', 'P04637', 'P04637', 'TP53']
    """
    fields = text.strip().upper().split("|")
    return re.split(r"[.\s-]", fields[1] if len(fields) > 1 else fields[0], maxsplit=1)[0]
