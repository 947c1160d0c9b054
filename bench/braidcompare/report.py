# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables out of what was measured and tried: for the terminal, and for doc/comparison.md between its marks."""
import collections
import json

from .fit import Fit

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NETWORK = {     # what the operator has to provide; known, not measured
    "convert": "a converter anywhere; its address and a key in the gateway",
    "plain": "a converter anywhere; its address in the gateway, the gateways' prefixes in the converter",
    "socks5": "a SOCKS server anywhere; its address and a password in the gateway",
    "route": "a converter on the way of the first link, and routes both ways that keep it there",
}


def table(head, rows):
    """A table in Markdown; people read it as it is."""
    rows = [[str(cell) for cell in row] for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)])


def set_up(rows):
    lines = []
    for row in rows:
        if "failed" in row:
            lines.append([row["system"], row["case"], "failed", row["failed"].splitlines()[0][:80], ""])
        else:
            lines.append([row["system"], row["case"], row["connected"], row["first byte"],
                          f"{row['connected'].off_ms:.1f}, {row['first byte'].off_ms:.1f}"])
    return table(["", "how", "the host is connected after", "first byte of the answer after", "largest residuals, ms"], lines)


FIGURES = [     # title, key, digits, whether plain routing's is taken away
    ("bytes on the links for a connection, beyond plain routing's", "bytes per connection", 0, True),
    ("bytes on the links for each MB up, beyond the payload", "bytes per MB up", 0, False),
    ("the same, down", "bytes per MB down", 0, False),
    ("CPU of the gateway's daemon, ms a connection", "gateway, ms per connection", 3, False),
    ("of the converter's", "converter, ms per connection", 3, False),
    ("CPU of the gateway's daemon, s for a GB up", "gateway, s per GB up", 2, False),
    ("of the converter's", "converter, s per GB up", 2, False),
    ("CPU of the gateway's daemon, s for a GB down", "gateway, s per GB down", 2, False),
    ("of the converter's", "converter, s per GB down", 2, False),
    ("user memory of an idle session at the gateway, bytes", "gateway, user bytes", 0, False),
    ("at the converter", "converter, user bytes", 0, False),
    ("kernel memory of it, whole machine, beyond plain routing's, bytes", "kernel bytes", 0, True),
    ("kB taken from a sender whose reader stands still, up, beyond plain routing's", "taken up", 0, True),
    ("the same, down", "taken down", 0, True),
    ("kB in sockets of gateway and converter then, up", "kernel memory up", 0, False),
    ("the same, down", "kernel memory down", 0, False),
]


def costs(rows):
    names, direct = list(rows), rows.get("direct", {})
    lines = []
    for title, key, digits, beyond in FIGURES:
        scale = 1000 if key.startswith(("taken", "kernel memory")) else 1
        line = [title]
        for name in names:
            value = rows[name].get(key)
            if value is not None and beyond and name != "direct":
                value = value - direct[key] if key in direct else None
            line.append("" if value is None else f"{value / scale:,.{digits}f}")
        lines.append(line)
    return table(["", *names], lines)


def conduct(trials):
    names = [name for name in trials if name != "direct"]

    def row(title, say):
        return [title, *(say(trials[name]) for name in names)]

    def same(mode):
        return lambda trial: "{same} of {of}".format(**trial["same"][mode]) if mode in trial.get("same", {}) else ""

    def policed(place):
        return lambda trial: "" if "policy" not in trial else "yes" if "error" in trial["policy"][place] else "no"

    def undisturbed(trial):
        if "native" not in trial:
            return ""
        return "yes" if trial["native"]["Multipath TCP at the server"] and trial["native"]["peer"].startswith("10.") else f"no: the server sees {trial['native']['peer']}"

    def reaches(end):
        def say(trial):
            seen = trial.get("ends", {}).get(end, {})
            return seen.get("error", "") if "bonded" not in seen else f"bonded, from {seen['peer']}" if seen["bonded"] else "past the proxies"
        return say
    return table(["", *names], [
        row("scenarios that end as over plain routing, faithful", same("faithful")), row("the same, early", same("early")),
        row("sessions from hosts", reaches("from hosts")), row("sessions from the Internet's side", reaches("from the Internet")),
        row("a rule at the gateway turns a connection away", policed("gateway")), row("a rule at the converter does", policed("converter")),
        row("a host's own Multipath TCP stays untouched", undisturbed), ["what the network must provide", *(NETWORK.get(name, "") for name in names)]])


def word_of(outcome):
    """Of what was changed, too, it is told when it doesn't end."""
    return "changed, then hangs" if outcome["what"] == "changed" and "hangs" in outcome["detail"] else outcome["what"]


def in_words(outcomes):
    """The outcomes of several cells in one."""
    counts = collections.Counter(map(word_of, outcomes))
    words = []
    for what, n in counts.most_common():
        hows = collections.Counter(outcome["how"] for outcome in outcomes if outcome["what"] == what and outcome["how"])
        how = f" ({', '.join(f'{name} {m}' for name, m in hows.most_common())})" if hows and what == "works" else ""
        words.append(f"{what} {n}{how}")
    return ", ".join(words)


def boxes(trials):
    """A line a middlebox: what became of all sessions, wherever it stood and since whenever."""
    cells = collections.defaultdict(lambda: collections.defaultdict(list))
    longest = 0.0
    for name, trial in trials.items():
        for row in trial.get("boxes", []):
            cells[row["box"] + (", checksums" if row["checksums"] else "")][name] += row["outcomes"]
            longest = max([longest, *(outcome["seconds"] for outcome in row["outcomes"])])
    names = [name for name, trial in trials.items() if "boxes" in trial]
    return table(["middlebox", *names], [[box, *(in_words(by_name[name]) for name in names)] for box, by_name in cells.items()]) + \
        f"\n\nThe longest of these took {longest:.1f} s."


def bars(found):
    return table(["", "fitted", "at most", ""], [[bar["what"], bar["seen"], bar["wanted"], "met" if bar["met"] else "**not met**"] for bar in found])


def sections(results):
    """(title, table) of all that was measured."""
    return [("Time to set up", set_up(results["set_up"])), ("Costs", costs(results["costs"])), ("What hosts and operators have", conduct(results["trials"])),
            ("Middleboxes", boxes(results["trials"])), ("Bars", bars(results["bars"]))]


def from_json(text):
    """What a run has written."""
    results = json.loads(text)
    for row in results["set_up"]:
        row.update({key: Fit(**row[key]) for key in ("connected", "first byte") if key in row})
    return results


def refresh(page, results):
    """The page with its tables made anew; what stands around the marks stays."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("the page has no marks")
    made = "\n\n".join(f"### {title}\n{text}" for title, text in sections(results))
    return f"{before}{BEGIN}\n{results['about']}\n\n{made}\n{END}{after}"
