"""Enclosures of functions: networks, losses, gradients, second derivatives, in balls."""
