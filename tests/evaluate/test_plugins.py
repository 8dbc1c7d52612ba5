"""Encoders of others: modules, installed distributions, functions, and the readouts that can be chosen."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.conformance import check_conformance
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.command import run
from genoprot_evaluate.encoders.plugins import FunctionEncoder, import_encoder, installed_encoders
from genoprot_evaluate.encoders.registry import REGISTRY
from genoprot_evaluate.store import load_embeddings

REPOSITORY = Path(__file__).resolve().parents[2]


def test_classes_functions_and_objects_of_a_module_are_found(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from genoprot_evaluate.encoders import EncoderSpec\n"
        "from genoprot_evaluate.encoders.kmer import Composition\n"
        "class Loaded(Composition):\n"
        "    @classmethod\n"
        "    def load(cls, weights, device):\n"
        "        found = cls()\n"
        "        found.given = (weights, device)\n"
        "        return found\n"
        "class Both:\n"
        "    spec = EncoderSpec('both', modality='both', dimension=1)\n"
        "    load = classmethod(lambda cls, weights, device, modality: Loaded.load(modality, device))\n"
        "def make():\n    return Composition()\n"
        "def needs(size, shape):\n    return Composition()\n"
        "ready = Composition()\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    for name in ("mine:Loaded", "mine:make", "mine:ready"):
        assert import_encoder(name).spec.name == "composition"
    assert import_encoder("mine:Loaded", "weights", "cpu").given == ("weights", "cpu")
    assert import_encoder("mine:Both", "weights", "cpu", "dna").given == ("dna", "cpu")
    assert sys.path == path
    for name, message in {
        "absent:Encoder": "No module named 'absent'",
        "mine:Absent": "no attribute 'Absent'",
        "mine:needs": "without arguments",
        "mine:np": "no attribute",
        "mine:Loded": r"no attribute 'Loded' \(did you mean 'Loaded'\?\)",
        "mine.py:Loaded": "name the module, not its file: mine:Loaded",
    }.items():
        with pytest.raises(GenoProtError, match=message):
            import_encoder(name)
    with pytest.raises(GenoProtError, match=r"no method `load\(weights, device\)`"):
        import_encoder("mine:make", "weights")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with two encoders, as pip leaves one behind."""
    (tmp_path / "charges.py").write_text(
        "import numpy as np\n"
        "from genoprot_evaluate.encoders import EncoderSpec\n"
        "class Charge:\n"
        "    spec = EncoderSpec('charge', 'protein', 2, title='Charge', readout='shares')\n"
        "    def embed(self, sequences):\n"
        "        rows = [[s.upper().count('D') / len(s), s.upper().count('K') / len(s)] for s in sequences]\n"
        "        return np.array(rows, dtype=np.float32).reshape(-1, 2)\n"
        "def gc(sequences):\n"
        "    return [[(s.count('G') + s.count('C')) / len(s)] for s in sequences]\n"
    )
    about = tmp_path / "charges-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: charges\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        "[geno_prot.encoders]\ncharge = charges:Charge\ngc-share = charges:gc\nlost = charges:Lost\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("charges", None)


def test_installed_distributions_bring_encoders(installed, tiny_dataset, tmp_path, capsys):
    assert list(installed_encoders()) == ["charge", "gc-share", "lost"]
    encoder = load_encoder("charge")
    assert not [outcome.name for outcome in check_conformance(encoder) if outcome.status == "fail"]
    table = load_embeddings(embed("charge", tiny_dataset, tmp_path / "out"), "charge")
    assert table.vectors.shape == (40, 2)
    assert load_encoder("gc-share", modality="dna").embed(["GGAA"]).tolist() == [[0.5]]
    with pytest.raises(GenoProtError, match="encoder 'lost' of charges: .*Lost"):
        load_encoder("lost")
    run(None)
    assert "charge  charges:Charge, charges 1.2" in capsys.readouterr().out


def test_two_distributions_of_one_name_are_told(installed):
    other = installed / "more-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: more\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[geno_prot.encoders]\ncharge = more:Other\n")
    with pytest.raises(GenoProtError, match="'charge': two installed distributions"):
        load_encoder("charge")


def test_a_function_of_a_module_is_embedded_with(installed, tiny_dataset, tmp_path):
    table = load_embeddings(embed("charges:gc", tiny_dataset, tmp_path / "out", modality="dna"), "gc")
    assert table.vectors.shape == (40, 1)
    assert 0.2 < table.vectors.mean() < 0.8


def test_functions_have_to_say_what_they_read_and_give_a_matrix(installed):
    with pytest.raises(GenoProtError, match="say what it reads"):
        import_encoder("charges:gc")
    with pytest.raises(GenoProtError, match=r"array of shape \(2,\), not two rows"):
        FunctionEncoder(lambda sequences: [1.0, 2.0], "dna", "flat")
    named = FunctionEncoder(lambda sequences: np.ones((len(sequences), 3)), "dna", "ones")
    assert (named.spec.name, named.spec.dimension) == ("ones", 3)


@pytest.mark.parametrize(
    ("name", "readout", "message"),
    [
        ("kmer-4", {"pooling": "max"}, r"kmer-4: its readout \(frequencies .*\) leaves no choice of pooling"),
        ("spliceai", {"layer": 3}, "spliceai: its readout .* leaves no choice of layer; leave out --layer"),
        ("proteinfer-ec", {"strands": "both"}, "leave out --strands"),
        ("caduceus-ps", {"pooling": "last"}, "leaves no choice of pooling"),
        ("genoprot_evaluate.encoders.kmer:Composition", {"layer": 1}, "leaves no choice of layer"),
    ],
)
def test_readouts_that_make_no_sense_are_refused(name, readout, message):
    with pytest.raises(GenoProtError, match=message):
        load_encoder(name, readout=readout)


def test_the_example_of_the_docs_is_an_encoder(tmp_path, monkeypatch, tiny_dataset):
    text = (REPOSITORY / "docs" / "how-to" / "add-an-encoder.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (module,) = (block for block in blocks if "class GcProfile" in block)
    (tmp_path / "gc_profile_of_the_docs.py").write_text(module, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r'^ +"gc-profile": \("(.*)", "(.*)"\),$', text, re.MULTILINE)
    assert line == ("genoprot_evaluate.encoders.profile", "GcProfile")
    registry = {**REGISTRY, "gc-profile": ("gc_profile_of_the_docs", line[1])}
    monkeypatch.setattr("genoprot_evaluate.encoders.registry.REGISTRY", registry)
    monkeypatch.syspath_prepend(str(tmp_path))
    encoder = load_encoder("gc-profile")
    assert not [outcome.name for outcome in check_conformance(encoder) if outcome.status == "fail"]
    assert load_embeddings(embed("gc-profile", tiny_dataset, tmp_path / "out")).vectors.shape == (40, 16)
    (own,) = (block for block in blocks if "class Charge" in block)
    scope = {}
    exec(own[: own.index("\nembed(")], scope)
    outcomes = check_conformance(scope["Charge"]())
    assert [outcome.name for outcome in outcomes if outcome.status == "fail"] == ["empty-batch"]
