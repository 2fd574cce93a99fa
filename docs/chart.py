#!/usr/bin/env python3
"""Draws docs/benchmarks.svg: the time of each peer over that of shapewright, on a logarithmic axis.

The figures are the rows of the first table in docs/benchmarks.md that are for one thread and have at least two peers.
"""

import math
import pathlib
import re

HERE = pathlib.Path(__file__).parent
WORKLOADS = {
    "CNN, training step, batch 64, Adam": "CNN, training",
    "LeNet, training step, batch 128, Adam": "LeNet, training",
    "784-128-64-10, training step, batch 64, SGD with momentum": "784-128-64-10, training",
    "4-10-3, training step, batch 32, Adam": "4-10-3, training",
}
COLOURS = {"JAX": "#0072b2", "PyTorch": "#d55e00", "TensorFlow": "#e69f00", "ONNX Runtime": "#009e73"}


def rows():
    """Yields (title, {peer: ratio}) for each row of one thread, with the inference of one sample after its training."""
    text = (HERE / "benchmarks.md").read_text()
    names, title = None, None
    for line in text.splitlines():
        cells = [cell.strip().replace("*", "").replace(",", "") for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[1] == "threads":
            names = cells[2:]
        elif names and len(cells) == 7 and cells[1] == "1":
            label = line.strip("|").split("|")[0].strip()
            if label in WORKLOADS:
                title = WORKLOADS[label]
            elif label == "the same, inference of one sample":
                title = title.split(",")[0] + ", inference of one"
            else:
                continue
            times = {name: float(cell) for name, cell in zip(names, cells[2:]) if re.fullmatch(r"[0-9.]+", cell)}
            ours = times.pop("shapewright")
            yield title, {peer: time / ours for peer, time in times.items()}
        elif names and len(cells) != 7:
            names = None


def main():
    data = list(rows())
    bar, gap, left, width = 11, 14, 210, 560
    most = max(ratio for _, peers in data for ratio in peers.values())
    scale = width / math.log10(most * 1.3)
    height = sum(len(peers) * bar + gap for _, peers in data) + 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/>',
    ]
    for power in range(0, int(math.log10(most * 1.3)) + 1):
        x = left + power * scale
        parts.append(f'<line x1="{x:.1f}" y1="28" x2="{x:.1f}" y2="{height - 34}" stroke="#ddd"/>')
        text = "shapewright" if power == 0 else f"{10 ** power:,} times its time"
        parts.append(f'<text x="{x:.1f}" y="20" text-anchor="{"middle"}">{text}</text>')
    y = 40
    for title, peers in data:
        middle = y + len(peers) * bar / 2 + 4
        parts.append(f'<text x="{left - 10}" y="{middle:.1f}" text-anchor="end">{title}</text>')
        for peer, ratio in peers.items():
            length = max(math.log10(ratio), 0.0) * scale
            parts.append(
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{COLOURS[peer]}"/>'
                f'<text x="{left + length + 4:.1f}" y="{y + bar - 3}" font-size="10">{ratio:.2g}</text>'
            )
            y += bar
        y += gap
    x = left
    for peer, colour in COLOURS.items():
        parts.append(f'<rect x="{x}" y="{height - 22}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{height - 13}">{peer}</text>')
        x += 40 + 8 * len(peer)
    parts.append("</svg>")
    (HERE / "benchmarks.svg").write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
