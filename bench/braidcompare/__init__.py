# SPDX-License-Identifier: GPL-2.0-or-later
"""`make compare`: the ways of telling a converter where a connection goes, side by side. See doc/comparison.md."""
