from __future__ import annotations

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.sources import RECORDS, SPECIES, detect_species, locate, sources_of, unavailable_tasks
from genoprot_datasets.tasks import TASKS

HUMAN, SYNTHETIC = SPECIES["human"], SPECIES["synthetic"]


def fill(folder, species, ending=""):
    for spec in sources_of(species):
        pattern = spec.patterns[0] + ending
        (folder / (pattern if pattern in spec.globs else spec.patterns[0]).replace("*", "1")).touch()


def test_every_task_has_a_source():
    needed = {name for spec in sources_of(HUMAN) for name in spec.required_for}
    assert needed == {RECORDS, *TASKS}


def test_facts_are_stated_for_real_species_and_never_for_made_up_files():
    for name in ("human", "yeast", "ecoli"):
        for spec in sources_of(SPECIES[name]):
            assert spec.version
            assert spec.licence
            assert spec.citation
            assert spec.url.startswith("https://")
            assert "{" not in spec.url + spec.checksums + spec.save_as + "".join(spec.patterns)
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


@pytest.mark.parametrize("name", ["human", "yeast", "ecoli"])
def test_downloads_have_names_that_are_found_again(tmp_path, name):
    for spec in sources_of(SPECIES[name]):
        (tmp_path / spec.file_name).touch()
    assert list(locate(tmp_path, SPECIES[name])) == [spec.key for spec in sources_of(SPECIES[name])]


def test_addresses_of_the_assemblies():
    urls = {
        name: next(spec for spec in sources_of(SPECIES[name]) if spec.key == "genome").url
        for name in ("human", "ecoli")
    }
    root = "https://ftp.ncbi.nlm.nih.gov/genomes/all/GCF"
    name = "GCF_000001405.39_GRCh38.p13"
    assert urls["human"] == f"{root}/000/001/405/{name}/{name}_genomic.fna.gz"
    name = "GCF_000005845.2_ASM584v2"
    assert urls["ecoli"] == f"{root}/000/005/845/{name}/{name}_genomic.fna.gz"


def test_files_of_another_strain_are_known_and_its_taxon_is_not_mixed_up(tmp_path):
    (tmp_path / "362663.protein.links.v11.0.txt.gz").touch()
    assert detect_species(tmp_path) == SPECIES["ecoli"]
    (tmp_path / "511145.protein.links.v12.0.txt.gz").touch()
    with pytest.raises(GenoProtError, match=r"expected one file, found 362663\.\S+, 511145"):
        locate(tmp_path, SPECIES["ecoli"])


def test_tasks_without_a_source(tmp_path):
    assert unavailable_tasks(HUMAN, {}) == {}
    yeast = unavailable_tasks(SPECIES["yeast"], {})
    assert set(yeast) == {"pathway", "drug", "melanoma"}
    ecoli = SPECIES["ecoli"]
    assert set(unavailable_tasks(ecoli, {})) - set(unavailable_tasks(ecoli, {"uniprot": tmp_path})) == {
        "pfam",
        "subcellular",
        "anatomical",
        "disease",
    }
    assert "ppi" not in unavailable_tasks(ecoli, {})


def test_optional_sources_may_be_missing(tmp_path):
    fill(tmp_path, SPECIES["ecoli"])
    for name in ("uniprot_sprot_ecoli.dat", "per-protein.h5"):
        (tmp_path / name).unlink()
    assert {"uniprot", "vectors"}.isdisjoint(locate(tmp_path, SPECIES["ecoli"]))
    (tmp_path / "ECOLI_83333_idmapping.dat").unlink()
    with pytest.raises(GenoProtError, match="1 source files at fault: UniProt id mapping"):
        locate(tmp_path, SPECIES["ecoli"])


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


@pytest.mark.parametrize("species", [s for s in SPECIES.values() if s.assembly], ids=lambda s: s.name)
def test_a_species_is_a_row_that_fits(species):
    specs = {spec.key: spec for spec in sources_of(species)}
    assert species.assembly.startswith("GCF_")
    assert species.mnemonic.endswith(f"_{species.taxon}")
    assert specs["genome"].url.endswith(f"/{species.assembly}_{species.assembly_name}_genomic.fna.gz")
    assert specs["idmapping"].file_name == f"{species.mnemonic}_idmapping.dat.gz"
    assert specs["links"].file_name == f"{species.string_taxon}.protein.links.v12.0.txt.gz"
    if "goa" in specs:
        assert specs["goa"].url.endswith(f"/{species.name.upper()}/goa_{species.name}.gaf.gz")
    assert species.genetic_code == (11 if species.mitochondrial_code is None else 1)
    taxa = [other.taxon for other in SPECIES.values()]
    assert taxa.count(species.taxon) == 1
