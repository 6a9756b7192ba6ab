"""Critical points of many parameters and kernels of many equations, where random probes decide and nothing is formed."""
