# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from netlab import SIGNALLING, Lab


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
    config.addinivalue_line("markers", "convert: about what Convert alone has; left out where BRAID_SIGNALLING is another scheme")
    config.addinivalue_line("markers", "signalled: about a converter that is spoken to, or that can be anywhere; left out where BRAID_SIGNALLING is route")


def is_left_out(item):
    return (SIGNALLING != "convert" and item.get_closest_marker("convert")) or (SIGNALLING == "route" and item.get_closest_marker("signalled"))


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
