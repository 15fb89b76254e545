"""What the README shows runs as it stands."""

import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from simulator.cli import main
from simulator.cluster import Cluster
from simulator.study.file import study_of

README = Path(__file__).parent.parent / "README.md"


def test_python_blocks_run_one_after_the_other(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks).replace("range(20)", "range(3)"), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "anytime.png").stat().st_size > 10_000
    assert "average rank" in (tmp_path / "ranks.svg").read_text(encoding="utf-8")
    assert "<Blackbox mine:toy: 50 configurations x 1 replicates x 27 resources>" in done.stdout


def test_the_cluster_of_the_file_is_read_and_its_run_prints_what_is_shown(tmp_path, monkeypatch, capsys):
    readme = README.read_text(encoding="utf-8")
    _, toml = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "spot.toml").write_text(toml, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    keys = re.findall(r"^(\w+) =", toml, re.MULTILINE)
    assert len(keys) == 16
    assert set(Cluster.read("spot.toml").settings()) == set(keys)  # none is as by default
    [command] = re.findall(r"^    rungsim (run .*spot\.toml)$", readme, re.MULTILINE)
    monkeypatch.setattr(sys, "argv", ["rungsim", *shlex.split(command)])
    with suppress(SystemExit):
        main()
    printed = "".join(f"    {line}\n" for line in capsys.readouterr().out.splitlines())
    assert len(printed.splitlines()) == 13
    assert printed in readme


def test_the_study_of_the_file_can_be_run(tmp_path, monkeypatch):
    readme = README.read_text(encoding="utf-8")
    text, _ = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    own = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "class PlainAsha" in block)
    (tmp_path / "my_file.py").write_text(own.partition("\nmine = ")[0].replace("PlainAsha", "MyScheduler"))
    monkeypatch.chdir(tmp_path)
    study = study_of(text, "halving.toml", tried=True)
    assert study.traces
    assert len(study.runs) == 3 * 4 * 50 * 2 * 2
