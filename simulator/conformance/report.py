"""What a check has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.conformance.properties import Failure, Property


class ConformanceError(AssertionError):
    """A scheduler lacks a property that it must have, or that it promises; the message is the report."""


@dataclass
class Finding:
    """What was found of one property.

    Attributes:
        about: the property.
        binding: every scheduler must have it, or this one promises it.
        held: in so many scenarios.
        failed: the scenarios in which it did not hold.
        why_not: reasons why it was not judged in some.
        failure: the shortest one that was found.
    """

    about: Property
    binding: bool
    held: int = 0
    failed: list[str] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def verdict(self) -> str:
        """``holds``, ``FAILS``, or ``not judged``; of what is neither universal nor promised, ``not promised`` too."""
        if self.failed:
            return "FAILS" if self.binding else "does not hold (not promised)"
        if not self.held:
            return "not judged"
        return "holds" if self.binding else "holds (not promised)"

    @property
    def share(self) -> str:
        """In how many of the scenarios in which it was judged it held."""
        return f"{self.held} of {self.held + len(self.failed)}"

    @property
    def remark(self) -> str:
        """Where it failed first, or why it was not judged anywhere."""
        if self.failed:
            others = f" and {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
            return f"in {self.failed[0]}{others}"
        return self.why_not[0] if self.why_not and not self.held else ""


@dataclass
class Report:
    """Which properties a scheduler has.

    Attributes:
        scheduler: its name.
        findings: one for each property.
        refused: what the scheduler said where it declined a scenario in `setup`, by scenario.
        runs: in how many scenarios it was run.
    """

    scheduler: str
    findings: Sequence[Finding]
    refused: dict[str, str]
    runs: int

    @property
    def passed(self) -> bool:
        """Whether it has all properties that it must have or promises; not if it ran nowhere."""
        return self.runs > 0 and not self.failures

    @property
    def failures(self) -> dict[str, Failure]:
        """By property, what it must have or promises and does not have: the shortest failing run."""
        return {f.about.name: f.failure for f in self.findings if f.binding and f.failure is not None}

    def finding(self, name: str) -> Finding:
        """That of the property with this name."""
        return next(finding for finding in self.findings if finding.about.name == name)

    def assert_passed(self) -> None:
        """Do nothing, or raise `ConformanceError` with the whole report."""
        if not self.passed:
            raise ConformanceError(f"\n{self}")

    def remarks(self) -> str:
        """The failures, each with its trace, and what was refused."""
        parts = [f"{name}: {failure.text()}" for name, failure in self.failures.items()]
        if self.refused:
            said = [f"  {name}: {why}" for name, why in self.refused.items()]
            parts.append("\n".join([f"refused {len(said)} of {len(said) + self.runs} scenarios:", *said]))
        return "\n\n".join(parts)

    def __str__(self) -> str:
        rows = [(f.about.name, f.verdict, f.share, f.remark) for f in self.findings]
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        title = f"{self.scheduler}: {'passed' if self.passed else 'FAILED'} in {self.runs} scenarios"
        return "\n".join([title, *lines]) + (f"\n\n{self.remarks()}" if self.remarks() else "")
