"""Models that searchers learn, densities and Gaussian processes over configurations, and operators of evolution."""
