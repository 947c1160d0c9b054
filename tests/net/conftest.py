# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from netlab import SIGNALLING, Lab
from schemes import LACKED, SCHEMES


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


def pytest_configure(config):
    for name, reason in LACKED.items():
        config.addinivalue_line("markers", f"{name}: {reason}")


def pytest_collection_modifyitems(items):
    """What the scheme of BRAID_SIGNALLING can't have by its nature is skipped."""
    scheme = next(scheme for scheme in SCHEMES if scheme.name == SIGNALLING)
    for item in items:
        for name in scheme.lacks:
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=LACKED[name]))
