"""Files beside the packages are found in a checkout and in an installation."""

from __future__ import annotations

import sysconfig

import pytest

from genoprot_datasets import resources
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.resources import loading_script


def test_checkout_has_them():
    script = loading_script("genoprot", "genoprot.py")
    assert script.is_file()
    assert loading_script("genoprot") == script.parent
    assert loading_script("geno-prot", "README.md").is_file()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Prefix of an installation whose packages lie in another folder."""
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "site" / "genoprot_datasets" / "resources.py"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name, scheme: str(tmp_path / scheme))
    return tmp_path


@pytest.mark.parametrize("scheme", [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")])
def test_installation_has_them_among_its_data_files(installed, scheme):
    script = installed / scheme / "share" / "geno-prot" / "loading_scripts" / "genoprot" / "genoprot.py"
    script.parent.mkdir(parents=True)
    script.touch()
    assert loading_script("genoprot", "genoprot.py") == script


def test_absence_is_one_clear_line(installed):
    with pytest.raises(GenoProtError) as error:
        loading_script("genoprot", "genoprot.py")
    message = str(error.value)
    assert message.startswith("loading_scripts/genoprot/genoprot.py: not found under ")
    assert str(installed / "site") in message
    assert len(message.splitlines()) == 1
