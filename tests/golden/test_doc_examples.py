# SPDX-License-Identifier: GPL-2.0-or-later
"""Each piece of a configuration in README.md and doc/ is sound, once what the text leaves out is put beside it."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).parents[2]
BRAIDCTL = pathlib.Path(os.environ.get("BRAID_BUILD_DIR", TOP / "build")) / "src" / "prog" / "braidctl"
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.M | re.S)
HEAD = re.compile(r"^ *\[(gateway|converter|host|link|subscriber|policy|list|forward|upstream)\b[^]:]*\] *$", re.M)


def pieces():
    for path in (TOP / "README.md", *sorted((TOP / "doc").glob("*.md"))):
        for n, block in enumerate(BLOCK.finditer(path.read_text())):
            if HEAD.search(block[1]):
                yield pytest.param(block[1], id=f"{path.name}-{n}")


def whole(text, directory):
    """With a key wherever the reader is to put his own, and what makes a gateway or a converter of it."""
    heads, n = {head[1] for head in HEAD.finditer(text)}, iter(range(1, 99))
    has = lambda key: re.search(rf"^ *{key} *=", text, re.M)
    text = re.sub(r"^( *key = ).*$", lambda key: key[1] + f"{next(n):064x}", text, flags=re.M)
    text = re.sub(r"^( *file = ).*$", rf"\g<1>{directory}/list", text, flags=re.M)
    if {"converter", "subscriber"} & heads:
        return text + ("" if "subscriber" in heads or has("allow") else "\n[converter]\nallow = 192.0.2.0/24\n") + "\n[converter]\n"
    text += "\n[gateway]\n" + ("" if has("lan") or "host" in heads else "lan = lan0\n")
    text += "" if has("converter") or "signalling = route" in text else "converter = 203.0.113.7\n"
    text += "" if has("key") or "signalling = " in text else f"key = {next(n):064x}\n"
    return text + ("" if re.search(r"^ *\[link dsl\]", text, re.M) else "\n[link dsl]\ninterface = eth7\n")


@pytest.mark.parametrize("text", pieces())
def test_example(text, tmp_path):
    (tmp_path / "list").write_text("192.0.2.0/24   # as doc/policy.md has them\n")
    conf = tmp_path / "braid.conf"
    conf.write_text(whole(text, tmp_path))
    done = subprocess.run([BRAIDCTL, "check", conf], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{done.stderr}\n{conf.read_text()}"
