#!/usr/bin/env python3
"""Print the table that sets elimap's trace cache beside phasic's, in Markdown.

elimap's figures are measured here, by `cargo bench --bench cache`. phasic's are not: they are figures of phasic 0.32.1
(its C composer with the cache of components on, on 2 cores) that were measured apart from this script. They show the
order of magnitude only.
"""

import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name of our case: (model, cache in MB, files, cold with the cache on in ms, warm in ms)
PHASIC = {
    "coalescent_sfs_30": ("coalescent, 30 lineages", 52, "5603", 1180, 963),
    "islands_sfs_16": ("two islands, 16 lineages", 2900, "", 5840, 194),
    "block_chain_100x50": ("100 blocks of 50 vertices", 330, "", 218, 46),
}


def milliseconds(case, what):
    path = ROOT / "target/criterion/cache_{}/{}/new/estimates.json".format(case, what)
    return json.loads(path.read_text())["median"]["point_estimate"] / 1e6


def main():
    run = subprocess.run(
        ["cargo", "bench", "--bench", "cache", "--", "--noplot", "--warm-up-time", "1", "--measurement-time", "2"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    sizes = {
        name: (int(entries), int(size) / 1e6)
        for name, entries, size in re.findall(r"(\w+): (\d+) entries, (\d+) bytes", run.stderr)
    }
    print("| model | | cache | cold, ms | warm, ms |")
    print("|---|---|---|---|---|")
    for case, (model, megabytes, files, cold, warm) in PHASIC.items():
        entries, size = sizes[case]
        ours = [milliseconds(case, what) for what in ("cold", "warm_disk")]
        noun = "file" if entries == 1 else "files"
        print(f"| {model} | elimap | {size:.2f} MB, {entries} {noun} | {ours[0]:.2g} | {ours[1]:.2g} |")
        held = f"{megabytes} MB" + (f", {files} files" if files else "")
        print(f"| | phasic\\* | {held} | {cold} | {warm} |")


if __name__ == "__main__":
    main()
