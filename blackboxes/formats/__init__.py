"""Readers, which trust nothing, of what benchmarks are published in, and what importers share."""
