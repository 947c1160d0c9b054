# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench-paths`: bonded links over a grid of rates, ratios, round trips, losses and queues. See doc/paths.md."""
