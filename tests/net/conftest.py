# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from netlab import Lab


@pytest.fixture
def lab(tmp_path):
    """The network alone; the test starts what it needs."""
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The network with both daemons at work, for all tests of a file."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.conv = lab.converter()
    lab.gw = lab.gateway()
    yield lab
    lab.close()
