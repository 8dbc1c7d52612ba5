"""Ligands of proteins, from the ChEMBL compound-target pairs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.accessions import is_accession
from genoprot_datasets.sources.tables import columns_of, iter_rows

__all__ = ["DTI_CLASSES", "read_ligands"]

DTI_CLASSES = ("D_DT", "C3_DT", "C2_DT", "C1_DT", "C0_DT", "DT", "NDT")
"""Classes of a compound-target pair: known interaction of a drug or of a clinical candidate of phase 3,
2, 1 or unknown, another compound of a drug target, and a compound of a protein that is no drug target.
The published table leaves the last class out."""

_CHEMBL_ID = re.compile(r"CHEMBL[0-9]+")
_SINGLE_PROTEIN = "SINGLE PROTEIN"


def read_ligands(
    pairs: str | Path, mapping: str | Path, dti_classes: Collection[str] | None = None
) -> dict[str, frozenset[str]]:
    """Ligands of each protein.

    A pair counts when its compound has a ChEMBL id and its target is a single protein; ChEMBL's own
    mapping leads from the target to the accession.

    Parameters
    ----------
    pairs : str or Path
        Table of compound-target pairs, separated by semicolons, with the columns ``parent_chemblid``,
        ``target_chembl_id``, ``target_type`` and ``DTI``.
    mapping : str or Path
        ``chembl_uniprot_mapping.txt``: accession, target, name and type, separated by tabs.
    dti_classes : collection of str, optional
        Classes of `DTI_CLASSES` that count; every one when left out.

    Returns
    -------
    dict of str to frozenset of str
        ChEMBL ids of parent compounds by UniProt accession.

    Raises
    ------
    SourceError
        If a row is malformed, a class is unknown, or no pair leads to an accession.

    References
    ----------
    Heinzke et al., "A compound-target pairs dataset: differences between drugs, clinical candidates and
    other bioactive compounds", Scientific Data 2024, doi:10.1038/s41597-024-03582-9.
    """
    targets = _read_targets(mapping)
    wanted = frozenset(DTI_CLASSES if dti_classes is None else dti_classes)
    ligands: dict[str, set[str]] = defaultdict(set)
    rows = iter_rows(pairs, ";", quoted=True)
    line, header = next(rows, (1, []))
    names = ("parent_chemblid", "target_chembl_id", "target_type", "DTI")
    compound, target, kind, dti = columns_of(pairs, header, names, line=line)
    for line, fields in rows:
        if fields[dti] not in DTI_CLASSES:
            expected = ", ".join(DTI_CLASSES)
            raise SourceError(pairs, f"unknown DTI class {fields[dti]!r}, expected {expected}", line=line)
        for column in (compound, target):
            if fields[column] and not _CHEMBL_ID.fullmatch(fields[column]):
                message = f"{header[column]} is {fields[column]!r}, expected CHEMBL and a number"
                raise SourceError(pairs, message, line=line)
        if fields[dti] in wanted and fields[kind] == _SINGLE_PROTEIN and fields[compound]:
            for accession in targets.get(fields[target], ()):
                ligands[accession].add(fields[compound])
    if not ligands:
        raise SourceError(pairs, f"no pair with a single protein that {Path(mapping).name} knows")
    return {accession: frozenset(found) for accession, found in ligands.items()}


def _read_targets(mapping: str | Path) -> dict[str, set[str]]:
    """Accessions by ChEMBL target, for targets that are a single protein."""
    targets: dict[str, set[str]] = defaultdict(set)
    for line, (accession, target, _name, kind) in iter_rows(mapping, "\t", width=4, comment="#"):
        # Targets of nucleic acid have identifiers of Ensembl.
        single = kind == _SINGLE_PROTEIN
        if not _CHEMBL_ID.fullmatch(target) or not (is_accession(accession) if single else accession):
            message = f"expected an accession and a ChEMBL id, found {accession!r} and {target!r}"
            raise SourceError(mapping, message, line=line)
        if single:
            targets[target].add(accession)
    return targets
