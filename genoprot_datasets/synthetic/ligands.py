"""The ChEMBL compound-target pairs, and ChEMBL's mapping of targets to accessions."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.names import SPECIES, Names

__all__ = ["COLUMNS", "write_pairs", "write_targets"]

_NAMES = """
parent_molregno parent_chemblid parent_pref_name max_phase first_approval usan_year black_box_warning
prodrug oral parenteral topical tid mutation target_chembl_id target_pref_name target_type organism
tid_mutation cpd_target_pair cpd_target_pair_mutation pchembl_value_mean_BF pchembl_value_max_BF
pchembl_value_median_BF first_publication_cpd_target_pair_BF
first_publication_cpd_target_pair_w_pchembl_BF pchembl_value_mean_B pchembl_value_max_B
pchembl_value_median_B first_publication_cpd_target_pair_B first_publication_cpd_target_pair_w_pchembl_B
therapeutic_target DTI first_publication_cpd mw_freebase alogp hba hbd psa rtb ro3_pass num_ro5_violations
cx_most_apka cx_most_bpka cx_logp cx_logd molecular_species full_mwt aromatic_rings heavy_atoms
qed_weighted mw_monoisotopic full_molformula hba_lipinski hbd_lipinski num_lipinski_ro5_violations
standard_inchi standard_inchi_key canonical_smiles LE_B BEI_B SEI_B LLE_B LE_BF BEI_BF SEI_BF LLE_BF
atc_level1 target_class_l1 target_class_l2 pair_mutation_in_dm_table pair_in_dm_table keep_for_binding
"""

COLUMNS = tuple(_NAMES.split())
"""Columns of the table of Heinzke et al. without RDKit's; properties of made-up compounds stay empty."""

_PHASES = ("4.0", "3.0", "2.0", "1.0", "0.5")
_KNOWN_CLASS = ("D_DT", "C3_DT", "C2_DT", "C1_DT", "C0_DT")


def write_pairs(out: BinaryIO, attributes: Attributes, names: Names, seed: int) -> None:
    """Write a row for each ligand of each gene, separated by semicolons.

    The first ligand of a target, and some others, are known drugs of it; so every target is a therapeutic
    one and no pair is of the class that the published table leaves out.
    """
    rng = generator(seed, "synthetic", "pairs")
    ligands = 1 + max((max(own) for own in attributes.ligands if own), default=0)
    phases = rng.choice(len(_PHASES), ligands, p=[0.4, 0.15, 0.15, 0.1, 0.2])
    out.write((";".join(COLUMNS) + "\n").encode())
    for gene, own in enumerate(attributes.ligands):
        for rank, ligand in enumerate(own):
            known = rank == 0 or rng.random() < 0.3
            values = np.sort(rng.normal(6.5, 0.8, size=3)).round(2)
            row = {
                "parent_molregno": 8_000_001 + ligand,
                "parent_chemblid": f"CHEMBL{8_000_001 + ligand}",
                "parent_pref_name": f"SYNTHETINIB {ligand + 1}",
                "max_phase": _PHASES[phases[ligand]],
                "tid": 9_000_001 + gene,
                "target_chembl_id": names.of(gene).target,
                "target_pref_name": names.of(gene).title,
                "target_type": "SINGLE PROTEIN",
                "organism": SPECIES,
                "tid_mutation": 9_000_001 + gene,
                "cpd_target_pair": f"{8_000_001 + ligand}_{9_000_001 + gene}",
                "cpd_target_pair_mutation": f"{8_000_001 + ligand}_{9_000_001 + gene}",
                "pchembl_value_mean_BF": round(float(values.mean()), 4),
                "pchembl_value_max_BF": values[2],
                "pchembl_value_median_BF": values[1],
                "therapeutic_target": True,
                "DTI": _KNOWN_CLASS[phases[ligand]] if known else "DT",
                "pair_mutation_in_dm_table": known,
                "pair_in_dm_table": known,
                "keep_for_binding": False,
            }
            out.write((";".join(str(row.get(column, "")) for column in COLUMNS) + "\n").encode())


def write_targets(out: BinaryIO, attributes: Attributes, names: Names) -> None:
    """Write accession, target, name and type of every gene that has a ligand."""
    out.write(b"# chembl_synthetic target list\n")
    for gene, own in enumerate(attributes.ligands):
        if own:
            target = names.of(gene)
            row = (target.accession, target.target, target.title, "SINGLE PROTEIN")
            out.write(("\t".join(row) + "\n").encode())
