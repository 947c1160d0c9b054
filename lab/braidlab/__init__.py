# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole network in namespaces of its own: hosts, access links, gateway, converter, servers; and scenarios that run in it."""
