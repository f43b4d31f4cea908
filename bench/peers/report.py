"""Medians, tables and the chart of a run, from its raw.csv alone."""

import csv
import statistics
from dataclasses import dataclass
from html import escape
from pathlib import Path

# Figure, its name in a table's head, and its unit.
FIGURES = {
    "train_s": ("training", "s"),
    "process_s": ("whole process", "s"),
    "peak_mb": ("peak memory", "MB"),
    "accuracy": ("accuracy", ""),
    "one_row_us": ("one row", "us"),
    "all_rows_ms": ("10,000 rows", "ms"),
}
OURS = "layerloop"
TABLES = "<!-- from here on written by `bench/peers/run report` -->"


@dataclass
class Median:
    job: str
    threads: int
    peer: str
    figure: str
    values: list[float]
    ratio: float | None = None  # to ours

    @property
    def middle(self) -> float:
        return statistics.median(self.values)


def write(out: Path) -> None:
    medians = medians_of(out / "raw.csv")
    write_csv(out / "medians.csv", medians)
    readme = out / "README.md"
    said = readme.read_text().split(TABLES)[0] if readme.exists() else f"# {out.name}\n\n"
    shown = "Nothing was measured.\n"
    if medians:
        shown = f"{summary(medians)}\n![Training times](chart.svg)\n{tables(medians)}"
    readme.write_text(f"{said}{TABLES}\n\n{shown}{failures(out / 'raw.csv')}")
    (out / "chart.svg").write_text(chart(medians))


def medians_of(raw: Path) -> list[Median]:
    cells: dict[tuple, list[float]] = {}
    with raw.open(newline="") as file:
        for row in csv.DictReader(file):
            for figure in FIGURES:
                if row[figure]:
                    key = (row["job"], int(row["threads"]), row["peer"], figure)
                    cells.setdefault(key, []).append(float(row[figure]))
    medians = [Median(*key, values) for key, values in cells.items()]
    ours = {(m.job, m.threads, m.figure): m.middle for m in medians if m.peer == OURS}
    for median in medians:
        own = ours.get((median.job, median.threads, median.figure))
        median.ratio = median.middle / own if own else None
    return medians


def failures(raw: Path) -> str:
    """What was meant to be measured and was not, and why."""
    with raw.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("failed")]
    cell = "- {peer}, {job}, {threads} threads, repeat {repeat}: {failed}\n"
    return "\n## Failed\n\n" + "".join(cell.format(**row) for row in rows) if rows else ""


def write_csv(path: Path, medians: list[Median]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["job", "threads", "peer", "figure", "median", "min", "max", "n", "ratio_to_layerloop"])
        for m in medians:
            spread = [f"{value:.6g}" for value in (m.middle, min(m.values), max(m.values))]
            ratio = f"{m.ratio:.4g}" if m.ratio else ""
            rows.writerow([m.job, m.threads, m.peer, m.figure, *spread, len(m.values), ratio])


def summary(medians: list[Median]) -> str:
    """Medians on the most threads, a row for each peer, and how many times ours they are."""
    most = max(m.threads for m in medians)
    kinds = [(m.job, m.figure) for m in medians if m.figure in ("train_s", "one_row_us", "all_rows_ms")]
    columns = {(m.job, m.figure): f"{m.job}, {FIGURES[m.figure][1]}" for m in medians if (m.job, m.figure) in kinds}
    for figure in ("one_row_us", "all_rows_ms"):
        columns |= {key: f"{FIGURES[figure][0]}, {FIGURES[figure][1]}" for key in columns if key[1] == figure}
    text = f"| {most} threads | {' | '.join(columns.values())} |\n|---|{'---|' * len(columns)}\n"
    for peer in dict.fromkeys(m.peer for m in medians):
        found = {(m.job, m.figure): m for m in medians if m.peer == peer and m.threads == most}
        cells = [short(found[key]) if key in found else "" for key in columns]
        text += f"| {peer} | {' | '.join(cells)} |\n"
    return text


def short(median: Median) -> str:
    times = "" if median.peer == OURS or median.ratio is None else f" ({median.ratio:.1f}x)"
    return f"{median.middle:.3g}{times}"


def tables(medians: list[Median]) -> str:
    """A table for each job and number of threads: median (least to most), and how many times ours."""
    text = ""
    for job, threads in dict.fromkeys((m.job, m.threads) for m in medians):
        here = [m for m in medians if (m.job, m.threads) == (job, threads)]
        figures = [name for name in FIGURES if any(m.figure == name for m in here)]
        if job == "predict":
            figures = [name for name in figures if name not in ("process_s", "peak_mb")]
        by_peer = {peer: {m.figure: m for m in here if m.peer == peer} for peer in dict.fromkeys(m.peer for m in here)}
        order = sorted(by_peer.values(), key=lambda found: found[figures[0]].middle)
        heads = [f"{FIGURES[name][0]}{', ' + FIGURES[name][1] if FIGURES[name][1] else ''}" for name in figures]
        text += f"\n## {job}, {threads} thread{'s' if threads > 1 else ''}\n\n"
        text += f"| | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}\n"
        for found in order:
            peer = next(iter(found.values())).peer
            text += f"| {peer} | {' | '.join(cell(found.get(name)) for name in figures)} |\n"
    return text


def cell(median: Median | None) -> str:
    if median is None:
        return ""
    if median.figure == "accuracy":
        return f"{median.middle:.4f}"
    if median.figure == "peak_mb":
        return f"{median.middle:.0f}"
    digits = 3 if median.middle < 10 else 1
    spread = f" ({min(median.values):.{digits}f} to {max(median.values):.{digits}f})" if len(median.values) > 1 else ""
    times = f" · {median.ratio:.1f}x" if median.ratio and median.peer != OURS else ""
    return f"{median.middle:.{digits}f}{spread}{times}"


# The chart: a panel for each job, a bar for each peer, longest last.

WIDTH, LEFT, BAR, GAP, HEAD, MARGIN = 760, 130, 16, 6, 34, 14
# The page has a colour of its own: a browser's scheme need not be that of the site which shows the chart.
STYLE = """
.page { fill: #ffffff }
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600; font-size: 13px }
.bar { fill: #818b98 }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 } text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #4493f8 }
}
"""


def chart(medians: list[Median]) -> str:
    most = max((m.threads for m in medians), default=1)
    shown = [m for m in medians if m.figure == "train_s" and m.threads == most]
    body, top = "", 4
    for job in dict.fromkeys(m.job for m in shown):
        bars = sorted((m for m in shown if m.job == job), key=lambda m: m.middle)
        body += f'<text class="head" x="0" y="{top + 18}">{escape(job)}: seconds of training, {most} threads</text>\n'
        top += HEAD - 6
        scale = (WIDTH - LEFT - 110) / max(m.middle for m in bars)
        for m in bars:
            middle, kind = top + BAR - 4, "bar ours" if m.peer == OURS else "bar"
            times = f"  ({m.ratio:.1f}x)" if m.ratio and m.peer != OURS else ""
            length = max(m.middle * scale, 1)
            body += f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(m.peer)}</text>\n'
            body += f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>\n'
            body += f'<text x="{LEFT + length + 6:.1f}" y="{middle}">{m.middle:.3g} s{times}</text>\n'
            top += BAR + GAP
        top += 10
    width, height = WIDTH + 2 * MARGIN, top + 2 * MARGIN
    box = f'viewBox="{-MARGIN} {-MARGIN} {width} {height}" width="{width}" height="{height}"'
    page = f'<rect class="page" x="{-MARGIN}" y="{-MARGIN}" width="{width}" height="{height}" rx="6"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">'
    title = "<title>Training times of layerloop and its peers</title>"
    return f"{head}\n{title}\n<style>{STYLE}</style>\n{page}\n{body}</svg>\n"
