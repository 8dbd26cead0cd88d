#!/usr/bin/python3
"""tesd bench --quick: its report is whole and makes sense. No time is asserted: machines are shared. Environment: TESD (the program)."""
import glob
import json
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring

tesd = os.environ.get("TESD", "build/tesd")
wanted = {"read", "dot", "operations", "summaries_lags", "analysis", "analysis_two", "energies", "file_pread", "file_pread_wide", "file_mmap", "chain", "chain_two", "chain_scalar", "learning", "memory"}

with tempfile.TemporaryDirectory() as folder:
    done = offspring.run([tesd, "bench", "--quick", "--json", "--folder", folder], check=True, capture_output=True, text=True)
    assert not glob.glob(os.path.join(folder, "*")), "the bench left its files behind"
lines = [json.loads(line) for line in done.stdout.splitlines()]
legs = {line["leg"]: line for line in lines if "leg" in line}
assert wanted <= legs.keys(), wanted - legs.keys()
for line in lines:
    if "wall_ns" in line:
        for spread in line["wall_ns"], line["cpu_ns"]:
            assert 0 < spread["min"] <= spread["median"] <= spread["p90"] < 1e7, line
        assert line["runs"] == 3 and line["samples"] == 1024 and isinstance(line["contended"], bool)
    if "ratio" in line and "value" in line:
        assert all(math.isfinite(line[k]) and line[k] > 0 for k in ("value", "of_least")), line
        print(f"{line['ratio']}: {line['value']} (wanted {line['wanted']})")
assert legs["chain_scalar"]["kernel"] == "scalar"
assert 0 < legs["memory"]["anonymous_MB"] < 400 and 0 < legs["memory"]["anonymous_learning_MB"] < 400
assert legs["learning"]["cpu_s"] > 0
