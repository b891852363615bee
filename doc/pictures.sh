#!/usr/bin/env bash
# Draws the pictures of doc/phase-types.md with the program itself.
set -euo pipefail
cd "$(dirname "$0")/pictures"
elimap=${ELIMAP:-../../target/release/elimap}
export ELIMAP_CACHE=none

"$elimap" model k-out-of-n 2 3 |
    "$elimap" plot - --title 'two of three parts must work' --out two-of-three.svg
"$elimap" model k-out-of-n 2 3 |
    "$elimap" plot - --curve --theta 1,4 --title 'failure 1, repair 4: time until fewer than two parts work' --out two-of-three-time.svg
"$elimap" model kingman 6 |
    "$elimap" plot - --curve --theta 1 --reward s0 --title 'length of the tree of six lineages' --out tree-length.svg
