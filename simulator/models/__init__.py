"""Models that searchers learn: densities and Gaussian processes over configurations, with NumPy and SciPy."""
