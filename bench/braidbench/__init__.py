# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: Braid beside what people use today, all in one run over one topology. See doc/benchmark.md."""
