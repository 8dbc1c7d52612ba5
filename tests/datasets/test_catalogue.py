from __future__ import annotations

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.sources.catalogue import RECORDS, SPECIES, detect_species, locate, sources_of
from genoprot_datasets.tasks import TASKS

HUMAN, SYNTHETIC = SPECIES["human"], SPECIES["synthetic"]


def fill(folder, species, ending=""):
    for spec in sources_of(species):
        (folder / (spec.patterns[0].replace("*", "1") + ending)).touch()


def test_every_task_but_those_of_the_entries_has_a_source():
    needed = {name for spec in sources_of(HUMAN) for name in spec.required_for}
    assert needed <= {RECORDS, *TASKS}
    # Pfam, locations, tissues and diseases come with the UniProt entries, which the records need.
    assert set(TASKS) - needed == {"pfam", "subcellular", "anatomical", "disease"}


def test_facts_are_stated_for_human_and_never_for_made_up_files():
    assert all(
        s.version and s.licence and s.citation and s.url.startswith("https://") for s in sources_of(HUMAN)
    )
    assert not any(s.version or s.licence or s.citation or s.url for s in sources_of(SYNTHETIC))
    assert [s.key for s in sources_of(HUMAN)] == [s.key for s in sources_of(SYNTHETIC)]


@pytest.mark.parametrize("species", SPECIES.values(), ids=SPECIES)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_complete_folder(tmp_path, species, ending):
    fill(tmp_path, species, ending)
    found = locate(tmp_path, species)
    assert list(found) == [spec.key for spec in sources_of(species)]
    assert all(path.parent == tmp_path for path in found.values())
    assert detect_species(tmp_path) == species


def test_all_missing_files_in_one_line(tmp_path):
    fill(tmp_path, HUMAN)
    (tmp_path / "go-basic.obo").unlink()
    (tmp_path / "Model.csv").unlink()
    with pytest.raises(GenoProtError) as caught:
        locate(tmp_path, HUMAN)
    message = str(caught.value)
    assert message.count("\n") == 0
    assert "2 source files" in message
    assert "go-basic.obo" in message
    assert "https://purl.obolibrary.org/obo/go/go-basic.obo" in message
    assert "Model.csv" in message
    assert "per-protein.h5" not in message


def test_sources_of_other_tasks_may_be_missing(tmp_path):
    fill(tmp_path, HUMAN)
    (tmp_path / "go-basic.obo").unlink()
    found = locate(tmp_path, HUMAN, ["pfam", "ppi"])
    assert "ontology" not in found
    assert found["models"] == tmp_path / "Model.csv"
    with pytest.raises(GenoProtError, match=r"go-basic\.obo"):
        locate(tmp_path, HUMAN, ["function"])
    (tmp_path / "per-protein.h5").unlink()
    with pytest.raises(GenoProtError, match=r"per-protein\.h5"):
        locate(tmp_path, HUMAN, ["pfam"])


def test_several_files_for_one_source(tmp_path):
    fill(tmp_path, HUMAN)
    (tmp_path / "GCF_2_genomic.gff.gz").touch()
    with pytest.raises(
        GenoProtError, match=r"expected one file, found GCF_1_genomic.gff, GCF_2_genomic.gff.gz"
    ):
        locate(tmp_path, HUMAN)


def test_folder_in_the_place_of_a_file(tmp_path):
    fill(tmp_path, HUMAN)
    (tmp_path / "Model.csv").unlink()
    (tmp_path / "Model.csv").mkdir()
    with pytest.raises(GenoProtError, match=r"Model.csv is not a file"):
        locate(tmp_path, HUMAN)


def test_no_folder(tmp_path):
    with pytest.raises(GenoProtError, match="no such folder"):
        locate(tmp_path / "nowhere", HUMAN)
    (tmp_path / "file").touch()
    with pytest.raises(GenoProtError, match="is not a folder"):
        locate(tmp_path / "file", HUMAN)


def test_species_of_a_folder(tmp_path):
    assert detect_species(tmp_path) == HUMAN
    (tmp_path / "goa_synthetic.gaf.gz").touch()
    assert detect_species(tmp_path) == SYNTHETIC
    (tmp_path / "goa_human.gaf.gz").touch()
    with pytest.raises(GenoProtError, match=r"several species \(human, synthetic\); name one with --species"):
        detect_species(tmp_path)


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    assert detect_species(folder) == HUMAN
    found = locate(folder, HUMAN)
    assert found["annotation"].name == "GCF_000001405.39_GRCh38.p13_genomic.gff.gz"
    assert found["gene_effects"].name == "CRISPRGeneEffect.csv.gz"
    assert len(found) == 15
