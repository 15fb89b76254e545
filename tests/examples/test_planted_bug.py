"""What the regression test of halving.py says when somebody gets a rung wrong by one."""

from pathlib import Path
from shutil import copytree, ignore_patterns
from textwrap import indent

pytest_plugins = ["pytester"]
HERE = Path(__file__).resolve().parent
RIGHT = "half = max(1, len(rung) // 2)"
WRONG = "half = max(1, (len(rung) - 1) // 2)"  # does not count the trial itself


def test_the_failure_names_the_first_decision_that_changed(pytester):
    copytree(HERE, pytester.path, ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
    source = (pytester.path / "halving.py").read_text(encoding="utf-8")
    assert RIGHT in source
    (pytester.path / "halving.py").write_text(source.replace(RIGHT, WRONG), encoding="utf-8")

    # In a process of its own, where no other `halving` has been imported.
    result = pytester.runpytest_subprocess("test_halving.py", "-p", "no:cacheprovider")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "'continue until 3' is now 'stop': trial 6 reports 0.88 at resource 1, at 0.095828056 s",
            "This is the first decision that changed; of 36 events, 13 later ones differ as well.",
            "the rung at resource 1 as it stood, 8 reports, best first:",
            "    3.  trial 0  0.8755556",
            "  > 4.  trial 6  0.88",
            "    5.  trial 5  0.9022222",
        ]
    )

    readme = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")
    message = result.stdout.str().partition("_ test_decisions _")[2].partition("\n")[2].partition("\n====")[0]
    shown = "\n".join(line.rstrip() for line in indent(message, "    ").splitlines())
    assert shown in readme, "the README shows another message"
    test = (HERE / "test_halving.py").read_text(encoding="utf-8").partition("\n\n")[2]
    assert indent(test, "    ") in readme, "the README shows another test"
