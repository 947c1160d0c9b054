# SPDX-License-Identifier: GPL-2.0-or-later
"""Least squares: times as i*a + j*s + c."""
import dataclasses


def figure(value, digits):
    """Without a sign where nothing is left of it."""
    text = f"{value:.{digits}f}"
    return text if float(text) else text.lstrip("-")


@dataclasses.dataclass
class Fit:
    """a: round trip between gateway and converter, s: between converter and server. off_ms: the largest residual."""
    i: float
    j: float
    c_ms: float
    off_ms: float

    def __str__(self):
        rest = figure(self.c_ms, 1)
        return f"{figure(self.i, 2)} a + {figure(self.j, 2)} s {'-' if rest[0] == '-' else '+'} {rest.lstrip('-')} ms"

    def meets(self, wanted, share):
        """Whether both coefficients are the wanted ones, or smaller, to within a share of one round trip."""
        return self.i <= wanted[0] + share * max(wanted[0], 1) and self.j <= wanted[1] + share * max(wanted[1], 1)


def solve(matrix, right):
    """Gauss, with the largest pivot."""
    rows = [[*row, value] for row, value in zip(matrix, right)]
    n = len(rows)
    for k in range(n):
        pivot = max(range(k, n), key=lambda r: abs(rows[r][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        if abs(rows[k][k]) < 1e-9:
            raise ValueError("the times were measured at too few values to be fitted")
        for r in range(n):
            if r != k:
                factor = rows[r][k] / rows[k][k]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[k])]
    return [row[n] / row[k] for k, row in enumerate(rows)]


def fit(points):
    """points: (a_ms, s_ms, time_ms)."""
    columns = [[a for a, _, _ in points], [s for _, s, _ in points], [1.0] * len(points)]
    times = [t for _, _, t in points]
    normal = [[sum(x * y for x, y in zip(one, two)) for two in columns] for one in columns]
    i, j, c = solve(normal, [sum(x * t for x, t in zip(one, times)) for one in columns])
    return Fit(i, j, c, max(abs(t - i * a - j * s - c) for a, s, t in points))
