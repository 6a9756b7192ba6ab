"""Critical points of many parameters and kernels of many equations: where random probes decide, nothing is formed."""
