"""Compare the share of branches that tests ran with the share that is asked for.

    coverage json -q -o - | python .ci/branches.py 95

The share is in percent; less than that ends with 1.
"""
# ruff: noqa: INP001 - a script of `make branches`

import json
import sys

totals = json.load(sys.stdin)["totals"]
share = 100 * totals["covered_branches"] / totals["num_branches"]
wanted = float(sys.argv[1])
sys.stdout.write(f"{share:.1f} % of the branches, of which {wanted:g} % are asked for\n")
sys.exit(share < wanted)
